#pragma once

#include <string>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/generation/generator.hpp>
#include <tulu/sampling/rng.hpp>

namespace tulu {

/// All of a conversation that a later one needs to go on in the same way.
struct session_state {
  std::string template_name{};
  std::vector<chat::message> messages{};
  generation_options options{};
  rng::state_type random = rng{}.state();
};

}  // namespace tulu
