#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// 32 activations as whole numbers of 15 bits: activation i is scale × (128 × high[i] + low[i]), with an error of at
/// most 2^-15 of the largest magnitude among them: two products with bytes take the place of one with floats.
struct token_group {
  static constexpr std::size_t size = 32;
  std::int8_t high[size];
  std::int8_t low[size];
  float scale;
  float total;           ///< the sum of the activations: scale × (sums[0] + sums[1])
  std::int32_t sums[2];  ///< of the whole numbers of each half
};

/// Rounds `columns` activations, a multiple of 32, to groups. NaN and infinite ones give whole numbers of 0 and a scale
/// of NaN.
using group_tokens_function = void (*)(const float* x, std::size_t columns, token_group* out) noexcept;

/// See group_tokens_function.
template <simd::backend Backend>
void group_tokens(const float* x, std::size_t columns, token_group* out) noexcept {
  constexpr std::size_t lanes = Backend::lanes, size = token_group::size;
  constexpr float largest = 127 * 128;
  const auto zero = Backend::set(0);
  for (std::size_t first = 0; first < columns; first += size, ++out) {
    auto magnitude = zero, poison = zero;  // 0, or NaN
    for (std::size_t i = 0; i < size; i += lanes) {
      const auto value = Backend::load(x + first + i);
      magnitude = Backend::max(magnitude, Backend::max(value, Backend::sub(zero, value)));
      poison = Backend::fma(value, zero, poison);
    }
    float magnitudes[lanes], most = 0;
    Backend::store(magnitudes, magnitude);
    for (const float each : magnitudes) most = most < each ? each : most;
    out->scale = most / largest + Backend::sum(poison);
    const float inverse = most > 1e-30f ? largest / most : 0;
    constexpr float shift = 0x1.8p23f;  // its last place is one
    constexpr std::int32_t shift_bits = 0x4b400000;
    float shifted[size];
    std::int32_t whole[size];
    for (std::size_t i = 0; i < size; ++i) shifted[i] = x[first + i] * inverse + shift;
    std::memcpy(whole, shifted, sizeof whole);
    const bool finite = out->scale == out->scale;
    for (std::int32_t& each : whole) each = finite ? each - shift_bits : 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::int32_t high = (whole[i] + 64) >> 7;
      out->high[i] = static_cast<std::int8_t>(high);
      out->low[i] = static_cast<std::int8_t>(whole[i] - high * 128);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < size / 2; ++i) sum += whole[half * size / 2 + i];
      out->sums[half] = sum;
    }
    out->total = out->scale * (static_cast<float>(out->sums[0]) + static_cast<float>(out->sums[1]));
  }
}

}  // namespace tulu::kernel
