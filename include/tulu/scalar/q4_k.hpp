#pragma once

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

inline void decode(const q4_k& in, float* out) noexcept {
  detail::decode_k_block(in, out, [](std::size_t, std::size_t, int nibble) { return nibble; });
}

/// NaN and infinite weights give some block, whose decoded weights may be NaN.
inline void encode(const float* in, q4_k& out) noexcept {
  const detail::k_block fitted = detail::fit_k_block(in, 15, {-1, 20});
  detail::store_k_block(fitted, out);
}

}  // namespace tulu
