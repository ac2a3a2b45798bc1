#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>
#include <tulu/core/python_space.hpp>

namespace tulu::chat {

/// LLaMA 3 Instruct (Meta-Llama-3-8B-Instruct's tokenizer_config.json): roles between special tokens, `<|eot_id|>`
/// after each turn, no whitespace round contents.
struct llama3_template {
  static constexpr std::string_view name = "llama3";
  static constexpr std::string_view preferred_mode = "hf-fast";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.bos("<|begin_of_text|>");
    const auto begin = [&out](role who) {
      out.special("<|start_header_id|>");
      out.text({role_name(who)});
      out.special("<|end_header_id|>");
      out.text({"\n\n"});
    };
    for (const message& turn : messages) {
      begin(turn.from);
      out.text({tulu::detail::strip(turn.content)});
      out.special("<|eot_id|>");
    }
    if (add_generation_prompt) begin(role::assistant);
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::special, "<|eot_id|>"}}; }
};

}  // namespace tulu::chat
