#pragma once

#include <bit>
#include <cstdint>

namespace tulu {

/// bfloat16: the upper half of a float32. A storage type without arithmetic, as it lies in files.
struct alignas(2) bf16 {
  std::uint16_t bits;

  bool operator==(const bf16&) const = default;  ///< of the bits: -0 ≠ +0, a NaN equals itself
};

static_assert(sizeof(bf16) == 2);

/// Exact. A signalling NaN stays one.
[[nodiscard]] constexpr float to_float(bf16 value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

/// Round to nearest, ties to even; subnormals are kept, overflow gives infinity. Every NaN becomes 0x7FC0, whatever
/// its sign and payload, as in c10::BFloat16 (torch 1.13's AVX2 copy kernel writes 0xFFFF instead, later ones 0x7FC0).
[[nodiscard]] constexpr bf16 to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return {0x7fc0};
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

}  // namespace tulu
