#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <tulu/scalar/no_contraction.hpp>

namespace tulu::detail {

/// `value` without its fraction, modulo 256; zero for NaN and for what no 32-bit integer holds. That is what x86 makes
/// of ggml's conversions, where C leaves them open.
[[nodiscard]] constexpr std::int8_t to_int8(float value) noexcept {
  return value > -2147483648.0f && value < 2147483648.0f ? static_cast<std::int8_t>(static_cast<std::int32_t>(value))
                                                         : std::int8_t{0};
}

TULU_NO_CONTRACTION_BEGIN

/// The nearest integer, ties to even, for magnitudes up to 2^22; any other value gives some integer in that range.
[[nodiscard]] constexpr int nearest_int(float value) noexcept {
  return static_cast<int>(std::bit_cast<std::uint32_t>(value + 12582912.0f) & 0x7fffff) - 0x400000;
}

TULU_NO_CONTRACTION_END

/// The element of the largest magnitude, the first of several; zero when there is none but NaN.
[[nodiscard]] inline float largest_magnitude(const float* x, std::size_t n) noexcept {
  float most = 0, value = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (most < std::fabs(x[i])) {
      most = std::fabs(x[i]);
      value = x[i];
    }
  return value;
}

struct value_range {
  float least = std::numeric_limits<float>::max();
  float most = std::numeric_limits<float>::lowest();
};

/// The least and the largest element, NaN left out.
[[nodiscard]] inline value_range range_of(const float* x, std::size_t n) noexcept {
  value_range range;
  for (std::size_t i = 0; i < n; ++i) {
    if (x[i] < range.least) range.least = x[i];
    if (x[i] > range.most) range.most = x[i];
  }
  return range;
}

}  // namespace tulu::detail
