#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>

namespace tulu {

/// a + b, or nothing when the sum does not fit.
[[nodiscard]] constexpr std::optional<std::size_t> checked_add(std::size_t a, std::size_t b) noexcept {
  if (a > std::numeric_limits<std::size_t>::max() - b) return std::nullopt;
  return a + b;
}

/// a × b, or nothing when the product does not fit.
[[nodiscard]] constexpr std::optional<std::size_t> checked_mul(std::size_t a, std::size_t b) noexcept {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) return std::nullopt;
  return a * b;
}

/// The product of all factors (1 for none), or nothing when it does not fit. A zero factor makes the product zero,
/// wherever it stands.
[[nodiscard]] constexpr std::optional<std::size_t> checked_product(std::span<const std::size_t> factors) noexcept {
  for (const std::size_t factor : factors)
    if (factor == 0) return 0;
  std::optional<std::size_t> product = 1;
  for (const std::size_t factor : factors)
    if (!(product = checked_mul(*product, factor))) return std::nullopt;
  return product;
}

}  // namespace tulu
