#pragma once

#include <cstddef>

#include <tulu/kernel/partial.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// Rotates `heads` vectors of head_dim floats that lie one after the other, in place (Su et al. 2021; element i is
/// paired with i + head_dim / 2, as in transformers). `cosines` and `sines` are those of the head_dim / 2 angles.
using rotate_function = void (*)(float* x, std::size_t heads, std::size_t head_dim, const float* cosines,
                                 const float* sines) noexcept;

/// See rotate_function.
template <simd::backend Backend>
void rotate(float* x, std::size_t heads, std::size_t head_dim, const float* cosines, const float* sines) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  const std::size_t half = head_dim / 2;
  const auto minus = [](auto a, auto b, auto c, auto d) {
    return Backend::sub(Backend::mul(a, b), Backend::mul(c, d));
  };
  const auto plus = [](auto a, auto b, auto c, auto d) { return Backend::add(Backend::mul(a, b), Backend::mul(c, d)); };
  for (float* head = x; head != x + heads * head_dim; head += head_dim) {
    std::size_t i = 0;
    for (; half - i >= lanes; i += lanes) {
      const auto a = Backend::load(head + i), b = Backend::load(head + half + i);
      const auto c = Backend::load(cosines + i), s = Backend::load(sines + i);
      Backend::store(head + i, minus(a, c, b, s));
      Backend::store(head + half + i, plus(b, c, a, s));
    }
    if constexpr (lanes > 1) {
      const std::size_t rest = half - i;
      if (rest == 0) continue;
      const auto a = detail::load_some<Backend>(head + i, rest), b = detail::load_some<Backend>(head + half + i, rest);
      const auto c = detail::load_some<Backend>(cosines + i, rest), s = detail::load_some<Backend>(sines + i, rest);
      detail::store_some<Backend>(head + i, rest, minus(a, c, b, s));
      detail::store_some<Backend>(head + half + i, rest, plus(b, c, a, s));
    }
  }
}

}  // namespace tulu::kernel
