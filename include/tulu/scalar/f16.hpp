#pragma once

#include <bit>
#include <cstdint>

namespace tulu {

/// IEEE binary16: 1 sign, 5 exponent and 10 fraction bits. A storage type without arithmetic, as it lies in files.
struct alignas(2) f16 {
  std::uint16_t bits;

  bool operator==(const f16&) const = default;  ///< of the bits: -0 ≠ +0, a NaN equals itself
};

static_assert(sizeof(f16) == 2);

/// Exact. A NaN keeps its sign and payload and becomes quiet, as with VCVTPH2PS and c10::Half.
/// Touches no subnormal float, so that flush-to-zero modes change nothing. Always inlined: kernels built for one
/// processor leave no copy of it for others.
[[nodiscard, gnu::always_inline]] constexpr float to_float(f16 value) noexcept {
  const std::uint32_t sign = (value.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude > 0x7c00) return std::bit_cast<float>(sign | 0x7fc00000 | (magnitude << 13));
  if (magnitude == 0x7c00) return std::bit_cast<float>(sign | 0x7f800000);
  if (magnitude >= 0x0400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float subnormal = std::bit_cast<float>(0x3f000000 | magnitude) - 0.5f;  // one unit of 0.5f is 2^-24
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
}

/// Round to nearest, ties to even; subnormals are kept, 65520 and more give infinity. A NaN becomes 0x7E00 with its
/// sign: the payload is dropped, as in c10::Half (VCVTPS2PH would keep its upper bits).
[[nodiscard]] constexpr f16 to_f16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000) return {static_cast<std::uint16_t>(sign | 0x7e00)};
  if (magnitude >= 0x477ff000) return {static_cast<std::uint16_t>(sign | 0x7c00)};
  if (magnitude < 0x38800000) {
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;  // one unit of 0.5f is the smallest subnormal, 2^-24
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(rounded) - 0x3f000000))};
  }
  const std::uint32_t rounded = magnitude - (112u << 23) + 0x0fff + ((magnitude >> 13) & 1);
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

}  // namespace tulu
