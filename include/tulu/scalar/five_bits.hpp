#pragma once

#include <cstddef>
#include <cstdint>

namespace tulu::detail {

/// Level `index` of 32, whose lower four bits are `nibble`.
[[nodiscard]] inline int five_bit_level(const std::uint8_t* fifth, std::size_t index, int nibble) noexcept {
  return nibble | ((fifth[index / 8] >> (index % 8) & 1) << 4);
}

/// 32 levels below 32 in the layout of q5_0 and q5_1: lower bits in `quants`, the fifth in `fifth`.
inline void pack_five_bits(const std::uint8_t* levels, std::uint8_t* quants, std::uint8_t* fifth) noexcept {
  for (std::size_t i = 0; i < 16; ++i)
    quants[i] = static_cast<std::uint8_t>((levels[i] & 15) | ((levels[i + 16] & 15) << 4));
  for (std::size_t byte = 0; byte < 4; ++byte) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 8; ++i) bits |= (levels[byte * 8 + i] >> 4 & 1u) << i;
    fifth[byte] = static_cast<std::uint8_t>(bits);
  }
}

}  // namespace tulu::detail
