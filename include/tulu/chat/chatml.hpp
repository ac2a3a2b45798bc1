#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// ChatML (as in OpenHermes-2.5's tokenizer_config.json): each turn between `<|im_start|>` and `<|im_end|>`, contents
/// as they are.
struct chatml_template {
  static constexpr std::string_view name = "chatml";
  static constexpr std::string_view preferred_mode = "hf-fast";
  /// The system message of a conversation that does not begin with one, as SmolLM2 and Qwen2.5 have it; empty: none.
  std::string default_system{};

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    const auto write = [&out](role from, std::string_view content) {
      out.special("<|im_start|>");
      out.text({role_name(from), "\n", content});
      out.special("<|im_end|>");
      out.text({"\n"});
    };
    if (!default_system.empty() && !messages.empty() && messages[0].from != role::system)
      write(role::system, default_system);
    for (const message& turn : messages) write(turn.from, turn.content);
    if (!add_generation_prompt) return out.take();
    out.special("<|im_start|>");
    out.text({"assistant\n"});
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::special, "<|im_end|>"}}; }
};

}  // namespace tulu::chat
