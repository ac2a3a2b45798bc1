#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>

namespace tulu::detail {

/// Which characters stand side by side within some piece. Where two neighbours of a text never do, no merge can reach
/// across, and the text may be cut between them: exact for any BPE, and the reason why words can be looked up one by
/// one. Exact for ASCII; of other pairs, a few are said to join although they do not.
class char_pairs {
 public:
  /// All neighbours within `piece`, which is UTF-8.
  void add_all(std::string_view piece) {
    char32_t before = 0;
    for (std::size_t at = 0, length = 0; at < piece.size(); at += length) {
      const auto byte = static_cast<unsigned char>(piece[at]);
      const utf8_char next = byte < 0x80 ? utf8_char{byte, 1, true} : read_utf8(piece.substr(at));
      if (at > 0) add(before, next.code);
      before = next.code;
      length = next.length;
    }
  }
  /// From now on every pair is said to join.
  void join_everything() noexcept {
    for (auto& row : ascii_) row.fill(~std::uint64_t{0});
    std::fill(others_.begin(), others_.end(), ~std::uint64_t{0});
  }

  [[nodiscard]] bool may_join(char32_t left, char32_t right) const noexcept {
    if (left < 0x80 && right < 0x80) return may_join_ascii(left, right);
    const std::size_t at = slot(left, right);
    return (others_[at / 64] >> at % 64 & 1) != 0;
  }
  /// `left` and `right` are below 0x80.
  [[nodiscard]] bool may_join_ascii(char32_t left, char32_t right) const noexcept {
    return (ascii_[left][right / 64] >> right % 64 & 1) != 0;
  }

  /// Bit i: no piece reaches from the byte before text[i] into it, for the eight ASCII characters at `text` after the
  /// ASCII character `before`.
  [[nodiscard]] std::uint64_t cuts(const char* text, unsigned char before) const noexcept {
    std::uint64_t found = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      found |= (~ascii_[before][byte / 64] >> byte % 64 & 1) << i;
      before = byte;
    }
    return found;
  }

 private:
  static constexpr unsigned bits = 17;

  [[nodiscard]] static std::size_t slot(char32_t left, char32_t right) noexcept {
    return (std::uint64_t{left} << 21 | right) * 0x9E3779B97F4A7C15 >> (64 - bits);
  }
  void add(char32_t left, char32_t right) noexcept {
    if (left < 0x80 && right < 0x80) {
      ascii_[left][right / 64] |= std::uint64_t{1} << right % 64;
    } else {
      const std::size_t at = slot(left, right);
      others_[at / 64] |= std::uint64_t{1} << at % 64;
    }
  }

  std::array<std::array<std::uint64_t, 2>, 128> ascii_{};
  std::vector<std::uint64_t> others_ = std::vector<std::uint64_t>((std::size_t{1} << bits) / 64);
};

}  // namespace tulu::detail
