#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/five_bits.hpp>

namespace tulu {

/// 32 weights of 5 bits: weight i is scale × (level - 16). The lower four bits of a level lie as in q4_0, its fifth is
/// bit i of `fifth`, four bytes in little-endian order.
struct q5_0 {
  static constexpr std::size_t block = 32;
  f16 scale;
  std::uint8_t fifth[4];
  std::uint8_t quants[16];
};
static_assert(sizeof(q5_0) == 22);

inline void decode(const q5_0& in, float* out) noexcept {
  const float scale = to_float(in.scale);
  const auto level = [&](std::size_t i, int nibble) {
    return static_cast<float>(detail::five_bit_level(in.fifth, i, nibble) - 16);
  };
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = level(i, in.quants[i] & 15) * scale;
    out[i + 16] = level(i + 16, in.quants[i] >> 4) * scale;
  }
}

TULU_NO_CONTRACTION_BEGIN

/// The weight of the largest magnitude becomes level 0. NaN becomes level 0 too; an infinite weight makes the scale
/// infinite.
inline void encode(const float* in, q5_0& out) noexcept {
  const float scale = detail::largest_magnitude(in, q5_0::block) / -16;
  const float inverse = scale != 0 ? 1 / scale : 0;
  out.scale = to_f16(scale);
  std::uint8_t levels[q5_0::block];
  for (std::size_t i = 0; i < q5_0::block; ++i) {
    const int rounded = detail::to_int8(in[i] * inverse + 16.5f);
    levels[i] = static_cast<std::uint8_t>(rounded < 31 ? rounded : 31);
  }
  detail::pack_five_bits(levels, out.quants, out.fifth);
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
