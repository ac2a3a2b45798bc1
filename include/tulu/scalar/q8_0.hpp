#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu {

/// 32 weights of 8 bits: weight i is scale × levels[i].
struct q8_0 {
  static constexpr std::size_t block = 32;
  f16 scale;
  std::int8_t levels[32];
};
static_assert(sizeof(q8_0) == 34);

inline void decode(const q8_0& in, float* out) noexcept {
  const float scale = to_float(in.scale);
  for (std::size_t i = 0; i < q8_0::block; ++i) out[i] = static_cast<float>(in.levels[i]) * scale;
}

TULU_NO_CONTRACTION_BEGIN

/// The largest magnitude becomes ±127. NaN becomes zero; an infinite weight makes the scale infinite.
inline void encode(const float* in, q8_0& out) noexcept {
  const float scale = std::fabs(detail::largest_magnitude(in, q8_0::block)) / 127;
  const float inverse = scale != 0 ? 1 / scale : 0;
  out.scale = to_f16(scale);
  for (std::size_t i = 0; i < q8_0::block; ++i) out.levels[i] = detail::to_int8(std::round(in[i] * inverse));
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
