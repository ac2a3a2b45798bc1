#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/k_scales.hpp>
#include <tulu/scalar/k_search.hpp>

namespace tulu {

/// 256 weights of 5 bits in 8 groups of 32, as q4_k; the fifth bit of weight i of group g is bit g of fifth[i].
struct q5_k {
  static constexpr std::size_t block = 256;
  f16 scale;
  f16 minimum;
  std::uint8_t packed[12];
  std::uint8_t fifth[32];
  std::uint8_t quants[128];
};
static_assert(sizeof(q5_k) == 176);

/// The products are exact in float, so a fused multiply-add gives the same.
inline void decode(const q5_k& in, float* out) noexcept {
  const float scale = to_float(in.scale), minimum = to_float(in.minimum);
  for (std::size_t group = 0; group < 8; ++group) {
    const auto [s, m] = detail::unpack_k_scale(in.packed, group);
    const float own_scale = scale * static_cast<float>(s), own_minimum = minimum * static_cast<float>(m);
    const std::uint8_t* const quants = in.quants + group / 2 * 32;
    const unsigned shift = group % 2 * 4;
    for (std::size_t i = 0; i < 32; ++i) {
      const int level = (quants[i] >> shift & 15) | ((in.fifth[i] >> group & 1) << 4);
      out[32 * group + i] = own_scale * static_cast<float>(level) - own_minimum;
    }
  }
}

/// NaN and infinite weights give some block, whose decoded weights may be NaN.
inline void encode(const float* in, q5_k& out) noexcept {
  const detail::k_block fitted = detail::fit_k_block(in, 31, {-0.5f, 15});
  out.scale = fitted.scale;
  out.minimum = fitted.minimum;
  std::copy_n(fitted.packed, 12, out.packed);
  for (std::size_t i = 0; i < 32; ++i) {
    unsigned fifth = 0;
    for (std::size_t group = 0; group < 8; ++group) fifth |= (fitted.levels[32 * group + i] >> 4 & 1u) << group;
    out.fifth[i] = static_cast<std::uint8_t>(fifth);
  }
  for (std::size_t i = 0; i < 128; ++i) {
    const std::uint8_t* const levels = fitted.levels + i / 32 * 64 + i % 32;
    out.quants[i] = static_cast<std::uint8_t>((levels[0] & 15) | ((levels[32] & 15) << 4));
  }
}

}  // namespace tulu
