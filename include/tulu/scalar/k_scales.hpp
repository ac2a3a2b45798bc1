#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/f16.hpp>

namespace tulu::detail {

/// The 6-bit scale and minimum of a group of 32 weights in q4_k and q5_k.
struct k_scale {
  std::uint8_t scale = 0, minimum = 0;
};

/// Those of group `index` of 8: the first four groups have bytes of their own, of which the upper two bits are the
/// upper bits of the last four. Always inlined, as to_float(f16).
[[nodiscard, gnu::always_inline]] constexpr k_scale unpack_k_scale(const std::uint8_t* packed,
                                                                   std::size_t index) noexcept {
  if (index < 4)
    return {static_cast<std::uint8_t>(packed[index] & 63), static_cast<std::uint8_t>(packed[index + 4] & 63)};
  const std::uint8_t low = packed[index + 4];
  return {static_cast<std::uint8_t>((low & 15) | (packed[index - 4] >> 6 << 4)),
          static_cast<std::uint8_t>((low >> 4) | (packed[index] >> 6 << 4))};
}

/// The 256 weights of a block of q4_k or q5_k; `level_of(group, i, nibble)` is the level of weight i of a group whose
/// lower four bits are `nibble`. The products are exact in float, so a fused multiply-add gives the same.
template <class Block, class LevelOf>
void decode_k_block(const Block& in, float* out, LevelOf&& level_of) noexcept {
  const float scale = to_float(in.scale), minimum = to_float(in.minimum);
  for (std::size_t group = 0; group < 8; ++group) {
    const auto [s, m] = unpack_k_scale(in.packed, group);
    const float own_scale = scale * static_cast<float>(s), own_minimum = minimum * static_cast<float>(m);
    const std::uint8_t* const quants = in.quants + group / 2 * 32;
    const unsigned shift = group % 2 * 4;
    for (std::size_t i = 0; i < 32; ++i)
      out[32 * group + i] = own_scale * static_cast<float>(level_of(group, i, quants[i] >> shift & 15)) - own_minimum;
  }
}

/// 8 of them into 12 bytes.
constexpr void pack_k_scales(const k_scale* groups, std::uint8_t* packed) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    const k_scale own = groups[i], other = groups[i + 4];
    packed[i] = static_cast<std::uint8_t>(own.scale | (other.scale >> 4 << 6));
    packed[i + 4] = static_cast<std::uint8_t>(own.minimum | (other.minimum >> 4 << 6));
    packed[i + 8] = static_cast<std::uint8_t>((other.scale & 15) | ((other.minimum & 15) << 4));
  }
}

}  // namespace tulu::detail
