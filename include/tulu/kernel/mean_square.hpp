#pragma once

#include <cstddef>

#include <tulu/kernel/partial.hpp>

namespace tulu::kernel::detail {

/// The mean of the squares of n elements.
template <class Backend>
[[nodiscard]] float mean_square(const float* x, std::size_t n) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  auto even = Backend::set(0), odd = Backend::set(0);
  const auto square = [](auto value, auto sum) { return Backend::fma(value, value, sum); };
  std::size_t i = 0;
  for (; n - i >= 2 * lanes; i += 2 * lanes) {
    even = square(Backend::load(x + i), even);
    odd = square(Backend::load(x + i + lanes), odd);
  }
  for (; n - i >= lanes; i += lanes) even = square(Backend::load(x + i), even);
  if constexpr (lanes > 1) odd = square(load_some<Backend>(x + i, n - i), odd);
  return Backend::sum(Backend::add(even, odd)) / static_cast<float>(n);
}

}  // namespace tulu::kernel::detail
