#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// No format: BOS and the contents one after the other, which the model continues.
struct raw_template {
  static constexpr std::string_view name = "raw";
  static constexpr std::string_view preferred_mode = "spm";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool) const {
    segment_writer out;
    out.start();
    for (const message& turn : messages) out.text({turn.content});
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {}; }
};

}  // namespace tulu::chat
