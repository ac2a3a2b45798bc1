#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tulu/tokenizer/character_classes.hpp>
#include <tulu/tokenizer/split_ranges.hpp>

namespace tulu::detail {

enum class split_class : std::uint8_t { other, letter, number, space };

/// The class of each code point, in blocks of which equal ones are one.
class split_classes {
 public:
  /// Those of the regular expressions `\p{L}`, `\p{N}` and `\s`.
  [[nodiscard]] static const split_classes& of_patterns() {
    static const split_classes classes{{}};
    return classes;
  }
  /// The same with all numbers that the pre-tokenizer Digits knows.
  [[nodiscard]] static const split_classes& with_all_digits() {
    static const split_classes classes{later_number_ranges};
    return classes;
  }

  /// `code` is at most U+10FFFF.
  [[nodiscard]] split_class operator[](char32_t code) const noexcept {
    return blocks_[block_of_[code / block_size]][code % block_size];
  }

 private:
  static constexpr std::size_t block_size = 256;
  using block = std::array<split_class, block_size>;

  explicit split_classes(std::span<const character_range> more_numbers) {
    std::vector<split_class> all(0x110000, split_class::other);
    const auto fill = [&all](std::span<const character_range> ranges, split_class kind) {
      for (const auto& [first, last] : ranges)
        std::fill(all.begin() + std::ptrdiff_t{first}, all.begin() + std::ptrdiff_t{last} + 1, kind);
    };
    fill(letter_ranges, split_class::letter);
    fill(number_ranges, split_class::number);
    fill(more_numbers, split_class::number);
    for (char32_t code = 0; code <= 0x3000; ++code)
      if (is_white_space(code)) all[code] = split_class::space;
    for (std::size_t i = 0; i < block_of_.size(); ++i) {
      block own;
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(i * block_size), block_size, own.begin());
      const auto known = std::find(blocks_.begin(), blocks_.end(), own);
      block_of_[i] = static_cast<std::uint16_t>(known - blocks_.begin());
      if (known == blocks_.end()) blocks_.push_back(own);
    }
  }

  std::array<std::uint16_t, 0x110000 / block_size> block_of_{};
  std::vector<block> blocks_;
};

}  // namespace tulu::detail
