#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/five_bits.hpp>

namespace tulu {

/// 32 weights of 5 bits: weight i is scale × level + minimum. The lower four bits of a level lie as in q4_0, its fifth
/// is bit i of `fifth`, four bytes in little-endian order.
struct q5_1 {
  static constexpr std::size_t block = 32;
  f16 scale;
  f16 minimum;
  std::uint8_t fifth[4];
  std::uint8_t quants[16];
};
static_assert(sizeof(q5_1) == 24);

inline void decode(const q5_1& in, float* out) noexcept {
  const float scale = to_float(in.scale), minimum = to_float(in.minimum);
  const auto level = [&](std::size_t i, int nibble) {
    return static_cast<float>(detail::five_bit_level(in.fifth, i, nibble));
  };
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = level(i, in.quants[i] & 15) * scale + minimum;  // exact product: one rounding either way
    out[i + 16] = level(i + 16, in.quants[i] >> 4) * scale + minimum;
  }
}

TULU_NO_CONTRACTION_BEGIN

/// The least weight becomes level 0, the largest 31. NaN becomes the least weight.
inline void encode(const float* in, q5_1& out) noexcept {
  const auto [least, most] = detail::range_of(in, q5_1::block);
  const float scale = (most - least) / 31;
  const float inverse = scale != 0 ? 1 / scale : 0;
  out.scale = to_f16(scale);
  out.minimum = to_f16(least);
  std::uint8_t levels[q5_1::block];
  for (std::size_t i = 0; i < q5_1::block; ++i)
    levels[i] = static_cast<std::uint8_t>(detail::to_int8((in[i] - least) * inverse + 0.5f));
  detail::pack_five_bits(levels, out.quants, out.fifth);
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
