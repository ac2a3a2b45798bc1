#pragma once

#include <cmath>
#include <cstddef>

#include <tulu/kernel/mean_square.hpp>
#include <tulu/kernel/partial.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// out[i] = weight[i] × x[i] / sqrt(mean(x²) + epsilon) (Zhang and Sennrich 2019). `out` may be `x`.
using rms_norm_function = void (*)(const float* x, const float* weight, std::size_t n, float epsilon,
                                   float* out) noexcept;

/// See rms_norm_function.
template <simd::backend Backend>
void rms_norm(const float* x, const float* weight, std::size_t n, float epsilon, float* out) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  const auto scale = Backend::set(1.0f / std::sqrt(detail::mean_square<Backend>(x, n) + epsilon));
  std::size_t i = 0;
  for (; n - i >= lanes; i += lanes)
    Backend::store(out + i, Backend::mul(Backend::load(weight + i), Backend::mul(Backend::load(x + i), scale)));
  if constexpr (lanes > 1) {
    const auto rest = Backend::mul(detail::load_some<Backend>(x + i, n - i), scale);
    detail::store_some<Backend>(out + i, n - i, Backend::mul(detail::load_some<Backend>(weight + i, n - i), rest));
  }
}

}  // namespace tulu::kernel
