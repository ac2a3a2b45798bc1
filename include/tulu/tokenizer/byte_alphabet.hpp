#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/core/utf8.hpp>

namespace tulu::detail {

/// The characters that byte-level BPE writes bytes as, by the byte (GPT-2, encoder.py: bytes_to_unicode): printable
/// characters of Latin-1 stand for themselves, the other bytes for U+0100 and on.
inline constexpr std::array<char32_t, 256> byte_characters = [] {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < characters.size(); ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}();

/// The byte that `character` stands for.
[[nodiscard]] constexpr std::optional<std::uint8_t> byte_of_character(char32_t character) noexcept {
  constexpr std::array<std::int16_t, 0x144> bytes = [] {
    std::array<std::int16_t, 0x144> out{};
    out.fill(-1);
    for (std::size_t byte = 0; byte < byte_characters.size(); ++byte)
      out[byte_characters[byte]] = static_cast<std::int16_t>(byte);
    return out;
  }();
  if (character >= bytes.size() || bytes[character] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(bytes[character]);
}

/// Appends the bytes that `piece` is written for; false, and no change, when some character stands for none.
inline bool append_bytes_of(std::string& out, std::string_view piece) {
  const std::size_t size = out.size();
  while (!piece.empty()) {
    const utf8_char next = read_utf8(piece);
    const auto byte = byte_of_character(next.code);
    if (!byte) {
      out.resize(size);
      return false;
    }
    out += static_cast<char>(*byte);
    piece.remove_prefix(next.length);
  }
  return true;
}

/// `bytes` as pieces are written.
[[nodiscard]] inline std::string write_bytes(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) append_utf8(out, byte_characters[static_cast<unsigned char>(byte)]);
  return out;
}

}  // namespace tulu::detail
