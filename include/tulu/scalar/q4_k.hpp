#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/k_scales.hpp>
#include <tulu/scalar/k_search.hpp>

namespace tulu {

/// 256 weights of 4 bits in 8 groups of 32: a weight of group g is scale × scale(g) × nibble - minimum × minimum(g),
/// with the 6-bit numbers of `packed`. Groups 2p and 2p + 1 are the lower and upper nibbles of 32 bytes.
struct q4_k {
  static constexpr std::size_t block = 256;
  f16 scale;
  f16 minimum;
  std::uint8_t packed[12];
  std::uint8_t quants[128];
};
static_assert(sizeof(q4_k) == 144);

/// The products are exact in float, so a fused multiply-add gives the same.
inline void decode(const q4_k& in, float* out) noexcept {
  const float scale = to_float(in.scale), minimum = to_float(in.minimum);
  for (std::size_t group = 0; group < 8; ++group) {
    const auto [s, m] = detail::unpack_k_scale(in.packed, group);
    const float own_scale = scale * static_cast<float>(s), own_minimum = minimum * static_cast<float>(m);
    const std::uint8_t* const quants = in.quants + group / 2 * 32;
    const unsigned shift = group % 2 * 4;
    for (std::size_t i = 0; i < 32; ++i)
      out[32 * group + i] = own_scale * static_cast<float>(quants[i] >> shift & 15) - own_minimum;
  }
}

/// NaN and infinite weights give some block, whose decoded weights may be NaN.
inline void encode(const float* in, q4_k& out) noexcept {
  const detail::k_block fitted = detail::fit_k_block(in, 15, {-1, 20});
  out.scale = fitted.scale;
  out.minimum = fitted.minimum;
  std::copy_n(fitted.packed, 12, out.packed);
  for (std::size_t i = 0; i < 128; ++i) {
    const std::uint8_t* const levels = fitted.levels + i / 32 * 64 + i % 32;
    out.quants[i] = static_cast<std::uint8_t>(levels[0] | (levels[32] << 4));
  }
}

}  // namespace tulu
