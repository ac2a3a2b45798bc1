#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/chat/message.hpp>
#include <tulu/chat/segment.hpp>

namespace tulu::chat {

/// Stanford Alpaca (train.py): an introduction, the instruction, the answer and EOS; contents are taken as they are. A
/// user message that has a line `### Input:` after an empty one, as `with_input` makes it, gets the introduction for
/// instructions with an input.
///
/// Alpaca was trained on single turns. Further ones follow after an empty line, without the introduction. A system
/// message at the start stands in the introduction's place, elsewhere between two turns.
struct alpaca_template {
  static constexpr std::string_view name = "alpaca";
  static constexpr std::string_view preferred_mode = "hf-legacy";
  static constexpr std::string_view introduction =
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.";
  static constexpr std::string_view introduction_with_input =
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
      "response that appropriately completes the request.";

  /// The content of a user message for an instruction with an input.
  [[nodiscard]] static std::string with_input(std::string_view instruction, std::string_view input) {
    return std::string{instruction}.append(input_marker).append(input);
  }

  [[nodiscard]] std::vector<segment> render(std::span<const message> messages, bool add_generation_prompt) const {
    segment_writer out;
    out.start();
    if (messages.empty() || messages[0].from != role::system)
      out.text({has_input(messages) ? introduction_with_input : introduction, "\n\n"});
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const message& turn = messages[i];
      if (turn.from == role::assistant) {
        out.text({"### Response:", turn.content});
        out.eos();
      } else {
        out.text({turn.from == role::user ? "### Instruction:\n" : "", turn.content});
      }
      if (i + 1 < messages.size() || add_generation_prompt) out.text({"\n\n"});
    }
    if (add_generation_prompt) out.text({"### Response:"});
    return out.take();
  }
  /// A model that does not end its answer goes on with an instruction.
  [[nodiscard]] std::vector<segment> stops() const { return {{segment_kind::text, "\n### Instruction:\n"}}; }

 private:
  static constexpr std::string_view input_marker = "\n\n### Input:\n";

  [[nodiscard]] static bool has_input(std::span<const message> messages) {
    return !messages.empty() && messages[0].from == role::user &&
           messages[0].content.find(input_marker) != std::string::npos;
  }
};

}  // namespace tulu::chat
