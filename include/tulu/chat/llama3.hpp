#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>
#include <tulu/core/python_space.hpp>

namespace tulu::chat {

/// LLaMA 3 Instruct (Meta-Llama-3-8B-Instruct's tokenizer_config.json): roles between special tokens, `<|eot_id|>`
/// after each turn, no whitespace round contents. LLaMA 3.1 and later begin with a system message that tells dates, the
/// conversation's own after them.
struct llama3_template {
  static constexpr std::string_view name = "llama3";
  static constexpr std::string_view preferred_mode = "hf-fast";
  /// What Llama-3.1-8B-Instruct's template writes where its caller gives no date.
  static constexpr std::string_view dates_of_3_1 = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
  /// Begins the system message, which is there then in any case; empty: no such beginning.
  std::string dates{};

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.bos("<|begin_of_text|>");
    const auto begin = [&out](role who) {
      out.special("<|start_header_id|>");
      out.text({role_name(who)});
      out.special("<|end_header_id|>");
      out.text({"\n\n"});
    };
    const auto write = [&](role from, std::string_view before, std::string_view content) {
      begin(from);
      out.text({before, tulu::detail::strip(content)});
      out.special("<|eot_id|>");
    };
    if (!dates.empty()) {
      const bool has_system = !messages.empty() && messages[0].from == role::system;
      write(role::system, dates, has_system ? std::string_view{messages[0].content} : std::string_view{});
      if (has_system) messages = messages.subspan(1);
    }
    for (const message& turn : messages) write(turn.from, {}, turn.content);
    if (add_generation_prompt) begin(role::assistant);
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::special, "<|eot_id|>"}}; }
};

}  // namespace tulu::chat
