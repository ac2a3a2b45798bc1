#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>
#include <tulu/core/python_space.hpp>

namespace tulu::chat {

/// LLaMA 2 Chat (Meta's generation.py and the default template of transformers 4.40): a question and its answer are a
/// text of its own between BOS and EOS, no whitespace round contents. A system message becomes part of the user message
/// after it; without one, it stands in brackets of its own. There is no system message unless one is given.
struct llama2_template {
  static constexpr std::string_view name = "llama2";
  static constexpr std::string_view preferred_mode = "spm";

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool) const {
    segment_writer out;
    if (messages.empty() || messages[0].from == role::assistant) out.bos();
    std::string system;
    const auto ask = [&](std::string_view content) {
      out.bos();
      out.text({"[INST] ", tulu::detail::strip(system.append(content)), " [/INST]"});
      system.clear();
    };
    for (const message& turn : messages) {
      if (turn.from == role::system) {
        system.append("<<SYS>>\n").append(turn.content).append("\n<</SYS>>\n\n");
      } else if (turn.from == role::user) {
        ask(turn.content);
      } else {
        if (!system.empty()) ask("");
        out.text({" ", tulu::detail::strip(turn.content), " "});
        out.eos();
      }
    }
    if (!system.empty()) ask("");
    return out.take();
  }
  [[nodiscard]] std::vector<segment> stops() const { return {}; }
};

}  // namespace tulu::chat
