#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// The elements of a tensor that are no numbers.
struct nonfinite_count {
  std::size_t nan = 0;
  std::size_t infinite = 0;
  std::size_t first_nan = 0;       ///< index of the first one, when there is any
  std::size_t first_infinite = 0;  ///< likewise

  [[nodiscard]] bool any() const noexcept { return nan != 0 || infinite != 0; }
  /// Index of the first one of either kind, when there is any.
  [[nodiscard]] std::size_t first() const noexcept {
    if (nan == 0) return first_infinite;
    return infinite == 0 ? first_nan : std::min(first_nan, first_infinite);
  }

  /// Adds what was counted in the elements from `offset` on. The order of the calls does not matter.
  void merge(const nonfinite_count& part, std::size_t offset) noexcept {
    const auto join = [offset](std::size_t& count, std::size_t& first, std::size_t more, std::size_t more_first) {
      if (more != 0) first = count == 0 ? more_first + offset : std::min(first, more_first + offset);
      count += more;
    };
    join(nan, first_nan, part.nan, part.first_nan);
    join(infinite, first_infinite, part.infinite, part.first_infinite);
  }
};

namespace detail {

/// The bit pattern of a floating-point type: without the sign, infinity is `infinity` and everything above it is NaN.
template <class Bits, Bits Infinity>
struct float_pattern {
  using bits = Bits;
  static constexpr Bits top = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  static constexpr Bits infinity = Infinity;
};
using f16_pattern = float_pattern<std::uint16_t, 0x7c00>;
using bf16_pattern = float_pattern<std::uint16_t, 0x7f80>;
using f32_pattern = float_pattern<std::uint32_t, 0x7f800000>;

inline constexpr std::size_t nonfinite_block = 1024;

/// Adding top - infinity to a magnitude carries into the top bit exactly when it is infinite or NaN: no branch and no
/// comparison, so that every compiler makes vector code of it.
template <class Pattern>
[[nodiscard]] bool has_nonfinite(const typename Pattern::bits* from) noexcept {
  using bits = typename Pattern::bits;
  bits seen = 0;
  for (std::size_t i = 0; i < nonfinite_block; ++i)
    seen = static_cast<bits>(seen | static_cast<bits>(static_cast<bits>(from[i] & static_cast<bits>(~Pattern::top)) +
                                                      static_cast<bits>(Pattern::top - Pattern::infinity)));
  return (seen & Pattern::top) != 0;
}

template <class Pattern>
void count_some(const std::byte* from, std::size_t first, std::size_t n, nonfinite_count& count) noexcept {
  for (std::size_t i = first; i < first + n; ++i) {
    typename Pattern::bits element;
    std::memcpy(&element, from + i * sizeof element, sizeof element);
    element = static_cast<typename Pattern::bits>(element & ~Pattern::top);
    if (element < Pattern::infinity) continue;
    const bool infinite = element == Pattern::infinity;
    std::size_t& counter = infinite ? count.infinite : count.nan;
    if (counter++ == 0) (infinite ? count.first_infinite : count.first_nan) = i;
  }
}

/// Each block is asked for while the one before is looked at: processors look ahead too little to read at the speed of
/// memory.
template <class Pattern>
[[nodiscard]] nonfinite_count count_nonfinite(std::span<const std::byte> elements) noexcept {
  using bits = typename Pattern::bits;
  constexpr std::size_t line = 64 / sizeof(bits);
  const auto* const from = reinterpret_cast<const bits*>(elements.data());
  const std::size_t n = elements.size() / sizeof(bits);
  nonfinite_count count;
  std::size_t i = 0;
  for (; n - i >= nonfinite_block; i += nonfinite_block) {
    if (n - i >= 2 * nonfinite_block)
      for (std::size_t k = 0; k < nonfinite_block; k += line) __builtin_prefetch(from + i + nonfinite_block + k);
    if (has_nonfinite<Pattern>(from + i)) count_some<Pattern>(elements.data(), i, nonfinite_block, count);
  }
  count_some<Pattern>(elements.data(), i, n - i, count);
  return count;
}

}  // namespace detail

/// How many of `elements`, aligned to their size, are NaN or infinite. `type` is_summable. Several bytes per clock
/// cycle while there are none.
[[nodiscard]] inline nonfinite_count count_nonfinite(dtype type, std::span<const std::byte> elements) noexcept {
  if (type == dtype::f16) return detail::count_nonfinite<detail::f16_pattern>(elements);
  if (type == dtype::bf16) return detail::count_nonfinite<detail::bf16_pattern>(elements);
  return detail::count_nonfinite<detail::f32_pattern>(elements);
}

}  // namespace tulu
