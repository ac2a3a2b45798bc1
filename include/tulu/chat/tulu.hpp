#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>
#include <tulu/core/python_space.hpp>

namespace tulu::chat {

/// Tulu 1 and 2 as they were trained (open-instruct, finetune.py of June 2023): each turn under a line with its role,
/// EOS and a newline after each answer, no whitespace round contents. The newline after `<|assistant|>` is part of the
/// prompt. The markers of the roles are text, not tokens. A conversation that ends is followed by a newline that the
/// training examples, stripped as a whole, do not have.
///
/// The Jinja template of the models tulu-2 and tulu-v2.5 takes contents as they are, and leaves system messages out:
/// here they stay in the form of the training.
struct tulu_template {
  static constexpr std::string_view name = "tulu";
  static constexpr std::string_view preferred_mode = "hf-legacy";
  bool strips = true;  ///< false: contents as they are

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    for (const message& turn : messages) {
      out.text({"<|", role_name(turn.from), "|>\n", strips ? tulu::detail::strip(turn.content) : turn.content});
      if (turn.from == role::assistant) out.eos();
      out.text({"\n"});
    }
    if (add_generation_prompt) out.text({"<|assistant|>\n"});
    return out.take();
  }
  /// A model that does not end its answer goes on with a turn of the user.
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::text, "\n<|user|>\n"}}; }
};

}  // namespace tulu::chat
