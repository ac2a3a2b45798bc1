#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu {

/// 32 weights of 4 bits: weight i is scale × (nibble - 8); its nibble is the lower one of quants[i], weight i + 16 has
/// the upper one.
struct q4_0 {
  static constexpr std::size_t block = 32;
  f16 scale;
  std::uint8_t quants[16];
};
static_assert(sizeof(q4_0) == 18);

inline void decode(const q4_0& in, float* out) noexcept {
  const float scale = to_float(in.scale);
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((in.quants[i] & 15) - 8) * scale;
    out[i + 16] = static_cast<float>((in.quants[i] >> 4) - 8) * scale;
  }
}

TULU_NO_CONTRACTION_BEGIN

/// The weight of the largest magnitude becomes nibble 0. NaN becomes nibble 0 too; an infinite weight makes the scale
/// infinite.
inline void encode(const float* in, q4_0& out) noexcept {
  const float scale = detail::largest_magnitude(in, q4_0::block) / -8;
  const float inverse = scale != 0 ? 1 / scale : 0;
  out.scale = to_f16(scale);
  const auto level = [&](float x) {
    const int rounded = detail::to_int8(x * inverse + 8.5f);
    return static_cast<std::uint8_t>(rounded < 15 ? rounded : 15);
  };
  for (std::size_t i = 0; i < 16; ++i)
    out.quants[i] = static_cast<std::uint8_t>(level(in[i]) | (level(in[i + 16]) << 4));
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
