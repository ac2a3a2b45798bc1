#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// ChatML (as in OpenHermes-2.5's tokenizer_config.json): each turn between `<|im_start|>` and `<|im_end|>`, contents
/// as they are. BOS comes first where the model has one, as its tokenizer puts it in training.
struct chatml_template {
  static constexpr std::string_view name = "chatml";
  static constexpr std::string_view preferred_mode = "hf-fast";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.bos();
    for (const message& turn : messages) {
      out.special("<|im_start|>");
      out.text({role_name(turn.from), "\n", turn.content});
      out.special("<|im_end|>");
      out.text({"\n"});
    }
    if (!add_generation_prompt) return out.take();
    out.special("<|im_start|>");
    out.text({"assistant\n"});
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::special, "<|im_end|>"}}; }
};

}  // namespace tulu::chat
