#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>

#include <tulu/kernel/partial.hpp>
#include <tulu/simd/backend.hpp>

// Element-wise kernels of recover. All read each element as float32, compute there and round once to the type written
// (nearest, ties to even), so every backend gives the same bits; only when both inputs of a sum are NaN may its sign
// and payload differ. Pointers need the alignment of their element. `out` may be one of the inputs when it has the
// same type; it overlaps neither otherwise.
namespace tulu::kernel {

namespace detail {

template <class Backend>
struct addition {
  [[nodiscard]] static auto apply(typename Backend::f32 a, typename Backend::f32 b) noexcept {
    return Backend::add(a, b);
  }
};

template <class Backend>
struct subtraction {
  [[nodiscard]] static auto apply(typename Backend::f32 a, typename Backend::f32 b) noexcept {
    return Backend::sub(a, b);
  }
};

template <class Backend, class Operation, class A, class B, class Out>
void combine(const A* a, const B* b, Out* out, std::size_t n) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  std::size_t i = 0;
  for (; n - i >= lanes; i += lanes)
    Backend::store(out + i, Operation::apply(Backend::load(a + i), Backend::load(b + i)));
  if constexpr (lanes > 1) {
    if (i == n) return;
    const auto rest_a = load_some<Backend>(a + i, n - i);
    const auto rest_b = load_some<Backend>(b + i, n - i);
    store_some<Backend>(out + i, n - i, Operation::apply(rest_a, rest_b));
  }
}

}  // namespace detail

/// out[i] = a[i] + b[i].
template <simd::backend Backend, weight_scalar A, weight_scalar B, weight_scalar Out>
void add(const A* a, const B* b, Out* out, std::size_t n) noexcept {
  detail::combine<Backend, detail::addition<Backend>>(a, b, out, n);
}

/// out[i] = a[i] - b[i].
template <simd::backend Backend, weight_scalar A, weight_scalar B, weight_scalar Out>
void subtract(const A* a, const B* b, Out* out, std::size_t n) noexcept {
  detail::combine<Backend, detail::subtraction<Backend>>(a, b, out, n);
}

/// out[i] = in[i] in the other type. Between equal types a copy of the bits.
template <simd::backend Backend, weight_scalar In, weight_scalar Out>
void convert(const In* in, Out* out, std::size_t n) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  if constexpr (std::same_as<In, Out>) {
    if (n != 0) std::memmove(out, in, n * sizeof(In));
  } else {
    std::size_t i = 0;
    for (; n - i >= lanes; i += lanes) Backend::store(out + i, Backend::load(in + i));
    if constexpr (lanes > 1) {
      if (i != n) detail::store_some<Backend>(out + i, n - i, detail::load_some<Backend>(in + i, n - i));
    }
  }
}

/// sums[i] += row[i], in double: called for every row of a matrix, gives the sums of its columns. The order of the
/// calls alone decides the result.
template <simd::backend Backend, weight_scalar T>
void accumulate(const T* row, double* sums, std::size_t n) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  float values[lanes];
  std::size_t i = 0;
  for (; n - i >= lanes; i += lanes) {
    Backend::store(values, Backend::load(row + i));
    for (std::size_t k = 0; k < lanes; ++k) sums[i + k] += static_cast<double>(values[k]);
  }
  if constexpr (lanes > 1) {
    if (i == n) return;
    Backend::store(values, detail::load_some<Backend>(row + i, n - i));
    for (std::size_t k = 0; i + k < n; ++k) sums[i + k] += static_cast<double>(values[k]);
  }
}

}  // namespace tulu::kernel
