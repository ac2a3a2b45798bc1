#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/k_search.hpp>

namespace tulu {

/// 256 weights of 6 bits in 16 groups of 16: a weight of group g is scale × scales[g] × (level - 32). Each half of 128
/// weights has 64 bytes of `low`, weights i and i + 64 in the nibbles of byte i, and 32 bytes of `high`: the upper two
/// bits of weights i, i + 32, i + 64 and i + 96 in byte i, lowest bits first.
struct q6_k {
  static constexpr std::size_t block = 256;
  std::uint8_t low[128];
  std::uint8_t high[64];
  std::int8_t scales[16];
  f16 scale;
};
static_assert(sizeof(q6_k) == 210);

inline void decode(const q6_k& in, float* out) noexcept {
  const float scale = to_float(in.scale);
  for (std::size_t group = 0; group < 16; ++group) {
    const float own_scale = scale * static_cast<float>(in.scales[group]);
    for (std::size_t i = 16 * group; i < 16 * (group + 1); ++i) {
      const std::size_t half = i / 128, at = i % 128;
      const int low = in.low[half * 64 + at % 64] >> (at / 64 * 4) & 15;
      const int high = in.high[half * 32 + at % 32] >> (at / 32 * 2) & 3;
      out[i] = own_scale * static_cast<float>((low | (high << 4)) - 32);
    }
  }
}

TULU_NO_CONTRACTION_BEGIN

/// NaN and infinite weights give some block, whose decoded weights may be NaN.
inline void encode(const float* in, q6_k& out) noexcept {
  std::int8_t levels[q6_k::block];
  float scales[16], most = 0;
  for (std::size_t group = 0; group < 16; ++group) {
    scales[group] = detail::fit_symmetric(in + 16 * group, levels + 16 * group);
    if (std::fabs(scales[group]) > std::fabs(most)) most = scales[group];
  }
  out = {};
  if (std::fabs(most) < detail::k_epsilon) return;
  const float inverse = -128 / most;
  out.scale = to_f16(1 / inverse);
  for (std::size_t group = 0; group < 16; ++group) {
    out.scales[group] = static_cast<std::int8_t>(std::min(127, detail::nearest_int(inverse * scales[group])));
    const float scale = to_float(out.scale) * static_cast<float>(out.scales[group]);
    if (scale == 0) continue;
    for (std::size_t i = 16 * group; i < 16 * (group + 1); ++i)
      levels[i] = static_cast<std::int8_t>(detail::level_between(in[i] / scale, -32, 31));
  }
  for (std::size_t i = 0; i < q6_k::block; ++i) {
    const std::size_t half = i / 128, at = i % 128;
    const int level = levels[i] + 32;
    std::uint8_t& low = out.low[half * 64 + at % 64];
    std::uint8_t& high = out.high[half * 32 + at % 32];
    low = static_cast<std::uint8_t>(low | (level & 15) << (at / 64 * 4));
    high = static_cast<std::uint8_t>(high | (level >> 4) << (at / 32 * 2));
  }
}

TULU_NO_CONTRACTION_END

}  // namespace tulu
