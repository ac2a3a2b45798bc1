#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tulu {

/// One character read from text: its code point and the number of bytes it took. A byte that starts no well-formed
/// sequence (overlong forms, surrogates and values beyond U+10FFFF included) is a character of its own: not `valid`,
/// U+FFFD, length 1. This is how SentencePiece reads text.
struct utf8_char {
  char32_t code;
  std::size_t length;
  bool valid;
};

inline constexpr char32_t replacement_character = 0xFFFD;

/// Whether `byte` goes on a sequence that another byte began.
[[nodiscard]] constexpr bool is_utf8_trail(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The character at the start of `text`, which must not be empty.
[[nodiscard]] constexpr utf8_char read_utf8(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const auto trails = [&](std::size_t count) {
    if (text.size() <= count) return false;
    for (std::size_t i = 1; i <= count; ++i)
      if (!is_utf8_trail(text[i])) return false;
    return true;
  };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if ((lead & 0xE0) == 0xC0 && trails(1)) {
    const char32_t code = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    if (code >= 0x80) return {code, 2, true};
  } else if ((lead & 0xF0) == 0xE0 && trails(2)) {
    const char32_t code = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (code >= 0x800 && (code < 0xD800 || code >= 0xE000)) return {code, 3, true};
  } else if ((lead & 0xF8) == 0xF0 && trails(3)) {
    const char32_t code = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (code >= 0x10000 && code <= 0x10FFFF) return {code, 4, true};
  }
  return {replacement_character, 1, false};
}

/// Appends `code`, a Unicode scalar value, as UTF-8.
inline void append_utf8(std::string& out, char32_t code) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

/// The length of the longest prefix of `text` that does not end within a sequence that further bytes could complete.
[[nodiscard]] constexpr std::size_t complete_utf8_prefix(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t at = text.size() - back;
    if (is_utf8_trail(text[at])) continue;
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length <= back || lead > 0xF4 || lead == 0xC0 || lead == 0xC1) break;
    // The second byte already tells overlong forms, surrogates and values beyond U+10FFFF.
    if (back > 1) {
      const auto second = static_cast<unsigned char>(text[at + 1]);
      if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
          (lead == 0xF4 && second > 0x8F))
        break;
    }
    return at;
  }
  return text.size();
}

/// The length of the longest well-formed prefix of `text`.
[[nodiscard]] constexpr std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t length = 0;
  while (length < text.size()) {
    const utf8_char next = read_utf8(text.substr(length));
    if (!next.valid) break;
    length += next.length;
  }
  return length;
}
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
  return valid_utf8_prefix(text) == text.size();
}

/// Appends `text` with each byte that is not part of well-formed UTF-8 replaced by U+FFFD, as `read_utf8` reads it.
inline void append_valid_utf8(std::string& out, std::string_view text) {
  for (;;) {
    const std::size_t valid = valid_utf8_prefix(text);
    out.append(text.substr(0, valid));
    if (valid == text.size()) return;
    append_utf8(out, replacement_character);
    text.remove_prefix(valid + 1);
  }
}

/// `text` as `append_valid_utf8` appends it.
[[nodiscard]] inline std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_valid_utf8(out, text);
  return out;
}

}  // namespace tulu
