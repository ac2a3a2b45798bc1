#pragma once

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

inline void decode(const q5_k& in, float* out) noexcept {
  detail::decode_k_block(in, out, [&](std::size_t group, std::size_t i, int nibble) {
    return nibble | ((in.fifth[i] >> group & 1) << 4);
  });
}

/// NaN and infinite weights give some block, whose decoded weights may be NaN.
inline void encode(const float* in, q5_k& out) noexcept {
  const detail::k_block fitted = detail::fit_k_block(in, 31, {-0.5f, 15});
  detail::store_k_block(fitted, out);
  for (std::size_t i = 0; i < 32; ++i) {
    unsigned fifth = 0;
    for (std::size_t group = 0; group < 8; ++group) fifth |= (fitted.levels[32 * group + i] >> 4 & 1u) << group;
    out.fifth[i] = static_cast<std::uint8_t>(fifth);
  }
}

}  // namespace tulu
