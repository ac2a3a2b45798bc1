#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// Zephyr (zephyr-7b-beta's tokenizer_config.json): each turn under a line with its role, EOS and a newline after each,
/// contents as they are. BOS comes first, as its tokenizer puts it in training.
struct zephyr_template {
  static constexpr std::string_view name = "zephyr";
  static constexpr std::string_view preferred_mode = "hf-fast";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    for (const message& turn : messages) {
      out.text({"<|", role_name(turn.from), "|>\n", turn.content});
      out.eos();
      out.text({"\n"});
    }
    if (add_generation_prompt) out.text({"<|assistant|>\n"});
    return out.take();
  }
  /// A model that does not end its answer goes on with a turn of the user.
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::text, "\n<|user|>\n"}}; }
};

}  // namespace tulu::chat
