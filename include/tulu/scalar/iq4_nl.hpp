#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/f16.hpp>

namespace tulu {

/// 32 weights of 4 bits: weight i is scale × levels[nibble], nibbles as in q4_0. Read only: its encoder searches with
/// an importance matrix.
struct iq4_nl {
  static constexpr std::size_t block = 32;
  static constexpr std::int8_t levels[16]{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  f16 scale;
  std::uint8_t quants[16];
};
static_assert(sizeof(iq4_nl) == 18);

inline void decode(const iq4_nl& in, float* out) noexcept {
  const float scale = to_float(in.scale);
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>(iq4_nl::levels[in.quants[i] & 15]);
    out[i + 16] = scale * static_cast<float>(iq4_nl::levels[in.quants[i] >> 4]);
  }
}

}  // namespace tulu
