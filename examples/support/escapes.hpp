#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cli {

/// `text` on one line: a line end is written `\n`, a CR `\r`, a tab `\t` and a backslash `\\`.
[[nodiscard]] inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// What `escaped` was given. A backslash before anything else is one.
[[nodiscard]] inline std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    const char meant = next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next == '\\' ? '\\' : '\0';
    out += meant != '\0' ? meant : text[i];
    if (meant != '\0') ++i;
  }
  return out;
}

}  // namespace cli
