#pragma once

#include <cstddef>

#include <tulu/kernel/partial.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// gate[i] = silu(gate[i]) × up[i], silu(x) = x / (1 + exp(-x)) (Shazeer 2020).
using swiglu_function = void (*)(float* gate, const float* up, std::size_t n) noexcept;

/// See swiglu_function.
template <simd::backend Backend>
void swiglu(float* gate, const float* up, std::size_t n) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  const auto apply = [](auto x, auto y) {
    const auto one = Backend::set(1);
    const auto inverse = Backend::add(one, Backend::exp(Backend::sub(Backend::set(0), x)));
    return Backend::mul(Backend::div(x, inverse), y);
  };
  std::size_t i = 0;
  for (; n - i >= lanes; i += lanes) Backend::store(gate + i, apply(Backend::load(gate + i), Backend::load(up + i)));
  if constexpr (lanes > 1) {
    if (i == n) return;
    const auto rest = apply(detail::load_some<Backend>(gate + i, n - i), detail::load_some<Backend>(up + i, n - i));
    detail::store_some<Backend>(gate + i, n - i, rest);
  }
}

}  // namespace tulu::kernel
