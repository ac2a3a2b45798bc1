#pragma once

#include <concepts>
#include <type_traits>

#include <tulu/scalar/bf16.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu {

/// The scalars that weights are stored in and that are computed with as float.
template <class T>
concept weight_scalar = std::same_as<T, float> || std::same_as<T, f16> || std::same_as<T, bf16>;

static_assert(std::is_trivially_copyable_v<f16> && std::is_trivially_copyable_v<bf16>);

[[nodiscard]] constexpr float to_float(float value) noexcept {
  return value;
}

/// `value` rounded to T (nearest, ties to even); for float the value itself.
template <weight_scalar T>
[[nodiscard]] constexpr T from_float(float value) noexcept {
  if constexpr (std::same_as<T, f16>) {
    return to_f16(value);
  } else if constexpr (std::same_as<T, bf16>) {
    return to_bf16(value);
  } else {
    return value;
  }
}

}  // namespace tulu
