#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "line_reader.hpp"

namespace cli {

/// A message of one or more lines. One that is `literal` is never a command.
struct input_message {
  line_status status = line_status::end;
  std::string text{};
  bool literal = false;
};

inline constexpr std::string_view prompt_text = ">>> ";
inline constexpr std::string_view continuation_text = "... ";
inline constexpr std::string_view block_quote = "\"\"\"";

/// `text` without the blanks and line ends it ends with.
[[nodiscard]] inline std::string_view without_trailing_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

/// The text of a block that is one line, because it comes from the history or was pasted; nothing for another line.
[[nodiscard]] inline std::optional<std::string> block_in_line(std::string_view line) {
  const std::size_t quote = block_quote.size() + 1;  // with its line end
  const bool block = line.size() >= 2 * quote && line.starts_with(block_quote) && line.ends_with(block_quote) &&
                     line[quote - 1] == '\n' && line[line.size() - quote] == '\n';
  if (!block) return std::nullopt;
  return std::string{line.substr(quote, line.size() - 2 * quote)};
}

/// Messages out of lines: a backslash at the end of a line goes on with the next one, and a line of three double quotes
/// starts a block that ends with the next such line. A line may have line ends of its own, because it was pasted: those
/// stay. `interrupted` is given only where nothing of a message was there; what Ctrl-C finds of one is dropped.
class message_reader {
 public:
  explicit message_reader(line_reader& lines) : lines_{lines} {}

  [[nodiscard]] input_message next() {
    std::string text;
    bool in_block = false;
    bool fresh = true;
    for (;;) {
      input_line line = lines_.read(fresh ? prompt_text : continuation_text);
      if (line.status == line_status::end) return {};
      if (line.status == line_status::interrupted) {
        if (fresh && line.text.empty()) return {line_status::interrupted, {}, false};
        text.clear();
        in_block = false;
        fresh = true;
        continue;
      }
      if (auto block = fresh ? block_in_line(line.text) : std::nullopt) return finished(std::move(*block), true);
      const bool quote = without_trailing_space(line.text) == block_quote;
      if (in_block && quote) {
        if (!text.empty()) text.pop_back();
        return finished(std::move(text), true);
      }
      if (!in_block && fresh && quote) {
        in_block = true;
        fresh = false;
        continue;
      }
      fresh = false;
      if (!in_block && !line.text.ends_with('\\')) return finished(text += line.text, false);
      if (!in_block) line.text.pop_back();
      text += line.text += '\n';
    }
  }

 private:
  [[nodiscard]] input_message finished(std::string text, bool literal) {
    if (!literal) text.resize(text.find_last_not_of("\r\n") + 1);
    // What would be read in another way without its quotes keeps them in the history.
    const bool quoted = literal && (text.starts_with('/') || text.ends_with('\\'));
    const std::string quote{block_quote};
    if (!without_trailing_space(text).empty()) lines_.remember(quoted ? quote + '\n' + text + '\n' + quote : text);
    return {line_status::read, std::move(text), literal};
  }

  line_reader& lines_;
};

}  // namespace cli
