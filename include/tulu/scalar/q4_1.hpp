#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu {

/// 32 weights of 4 bits: weight i is scale × nibble + minimum, nibbles as in q4_0.
struct q4_1 {
  static constexpr std::size_t block = 32;
  f16 scale;
  f16 minimum;
  std::uint8_t quants[16];
};
static_assert(sizeof(q4_1) == 20);

inline void decode(const q4_1& in, float* out) noexcept {
  const float scale = to_float(in.scale), minimum = to_float(in.minimum);
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(in.quants[i] & 15) * scale + minimum;  // exact product: one rounding either way
    out[i + 16] = static_cast<float>(in.quants[i] >> 4) * scale + minimum;
  }
}

TULU_NO_CONTRACTION_BEGIN

/// The least weight becomes nibble 0, the largest 15. NaN becomes the least weight.
inline void encode(const float* in, q4_1& out) noexcept {
  const auto [least, most] = detail::range_of(in, q4_1::block);
  const float scale = (most - least) / 15;
  const float inverse = scale != 0 ? 1 / scale : 0;
  out.scale = to_f16(scale);
  out.minimum = to_f16(least);
  const auto level = [&, low = least](float x) {
    const int rounded = detail::to_int8((x - low) * inverse + 0.5f);
    return static_cast<std::uint8_t>(rounded < 15 ? rounded : 15);
  };
  for (std::size_t i = 0; i < 16; ++i)
    out.quants[i] = static_cast<std::uint8_t>(level(in[i]) | (level(in[i + 16]) << 4));
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
