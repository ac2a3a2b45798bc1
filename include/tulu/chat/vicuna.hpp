#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// Vicuna v1.1 (FastChat's conversation template vicuna_v1.1): an introduction, then all turns on one line, EOS after
/// each answer; contents are taken as they are. An empty message has neither a blank nor EOS after it, as in FastChat.
/// A system message at the start stands in the introduction's place, elsewhere it is a sentence between two turns.
struct vicuna_template {
  static constexpr std::string_view name = "vicuna";
  static constexpr std::string_view preferred_mode = "hf-legacy";
  static constexpr std::string_view introduction =
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
      "and polite answers to the user's questions.";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    if (messages.empty() || messages[0].from != role::system) out.text({introduction, " "});
    for (const message& turn : messages) {
      if (turn.from == role::system) {
        out.text({turn.content, " "});
        continue;
      }
      const bool answer = turn.from == role::assistant;
      out.text({answer ? "ASSISTANT:" : "USER:"});
      if (turn.content.empty()) continue;
      out.text({" ", turn.content, answer ? "" : " "});
      if (answer) out.eos();
    }
    if (add_generation_prompt) out.text({"ASSISTANT:"});
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {}; }
};

}  // namespace tulu::chat
