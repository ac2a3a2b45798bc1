#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// Tulu 3 (the template "tulu" of open-instruct's dataset_transformation.py, which Llama-3.1-Tulu-3 has in its
/// tokenizer_config.json): Tulu's markers, contents as they are, EOS after each answer and a newline after each turn
/// but an answer at the end.
struct tulu3_template {
  static constexpr std::string_view name = "tulu3";
  static constexpr std::string_view preferred_mode = "hf-fast";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const message& turn = messages[i];
      out.text({"<|", role_name(turn.from), "|>\n", turn.content});
      if (turn.from == role::assistant) out.eos();
      if (turn.from != role::assistant || i + 1 < messages.size()) out.text({"\n"});
    }
    if (add_generation_prompt) out.text({"<|assistant|>\n"});
    return out.take();
  }
  /// A model that does not end its answer goes on with a turn of the user.
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::text, "\n<|user|>\n"}}; }
};

}  // namespace tulu::chat
