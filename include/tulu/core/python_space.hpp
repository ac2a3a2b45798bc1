#pragma once

#include <cstddef>
#include <string_view>

#include <tulu/core/utf8.hpp>

namespace tulu::detail {

/// Whether Python's str.isspace and str.strip take `code` for whitespace.
[[nodiscard]] constexpr bool is_python_space(char32_t code) noexcept {
  if (code <= 0x20) return code == 0x20 || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F);
  if (code < 0x1680) return code == 0x85 || code == 0xA0;
  return code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

/// Python's str.lstrip.
[[nodiscard]] constexpr std::string_view strip_left(std::string_view text) noexcept {
  while (!text.empty()) {
    const utf8_char first = read_utf8(text);
    if (!is_python_space(first.code)) break;
    text.remove_prefix(first.length);
  }
  return text;
}

/// Python's str.rstrip.
[[nodiscard]] constexpr std::string_view strip_right(std::string_view text) noexcept {
  while (!text.empty()) {
    // Whitespace takes one to three bytes.
    std::size_t length = 0;
    for (std::size_t back = 1; back <= 3 && back <= text.size() && length == 0; ++back) {
      const utf8_char last = read_utf8(text.substr(text.size() - back));
      if (last.valid && last.length == back && is_python_space(last.code)) length = back;
    }
    if (length == 0) break;
    text.remove_suffix(length);
  }
  return text;
}

/// Python's str.strip.
[[nodiscard]] constexpr std::string_view strip(std::string_view text) noexcept {
  return strip_right(strip_left(text));
}

}  // namespace tulu::detail
