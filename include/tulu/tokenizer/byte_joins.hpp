#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/char_pairs.hpp>

namespace tulu::detail {

/// Which characters stand side by side within some piece of byte-level BPE, whole or in part. Where two neighbours of a
/// text never do, no merge can reach across.
class byte_joins {
 public:
  /// All neighbours within `piece`, which may begin and end within a character.
  void add_all(std::string_view piece) {
    std::size_t before = 0;
    for (std::size_t at = 1; at < piece.size(); ++at) {
      if (is_utf8_trail(piece[at])) continue;
      const std::size_t left = at - before;
      const utf8_char next = read_utf8(piece.substr(at));
      const utf8_char last = read_utf8(piece.substr(before, left));
      if (next.valid && last.valid && last.length == left) {
        whole_.add_all(piece.substr(before, left + next.length));
      } else {
        const std::size_t bit = partial_bit(piece[at - 1], piece[at]);
        partial_[bit / 64] |= std::uint64_t{1} << bit % 64;
      }
      before = at;
    }
  }

  /// The length of the part at the start of `text`, UTF-8 and not empty, that nothing merges out of.
  [[nodiscard]] std::size_t first_part(std::string_view text) const noexcept {
    utf8_char before = read_utf8(text);
    std::size_t at = before.length;
    while (at < text.size()) {
      const utf8_char next = read_utf8(text.substr(at));
      const std::size_t bit = partial_bit(text[at - 1], text[at]);
      if (!whole_.may_join(before.code, next.code) && (partial_[bit / 64] >> bit % 64 & 1) == 0) break;
      at += next.length;
      before = next;
    }
    return at;
  }

 private:
  [[nodiscard]] static std::size_t partial_bit(char left, char right) noexcept {
    return std::size_t{static_cast<unsigned char>(left)} << 8 | static_cast<unsigned char>(right);
  }

  char_pairs whole_;
  /// By the last byte of a character and the first byte of the next, of which a piece has one in part.
  std::vector<std::uint64_t> partial_ = std::vector<std::uint64_t>(0x10000 / 64);
};

}  // namespace tulu::detail
