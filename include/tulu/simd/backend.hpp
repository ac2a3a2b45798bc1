#pragma once

#include <concepts>
#include <cstddef>

#include <tulu/scalar/traits.hpp>

namespace tulu::simd {

/// What a backend does with elements of type T: `load` reads `lanes` of them as floats, `store` rounds a register of
/// floats to them, exactly as to_float and from_float do. The pointers need the alignment of T only.
template <class B, class T>
concept backend_for = weight_scalar<T> && requires(const T* from, T* to, typename B::f32 value) {
  { B::load(from) }
  noexcept->std::same_as<typename B::f32>;
  { B::store(to, value) }
  noexcept;
};

/// A set of SIMD operations: a type with `name`, `lanes` floats in a register `f32`, and static functions on it. All
/// functions are members of the backend or templates over it, so that code built with other compiler flags has other
/// symbols.
template <class B>
concept backend = backend_for<B, float> && backend_for<B, f16> && backend_for<B, bf16> &&
    requires(typename B::f32 a, typename B::f32 b) {
  { B::name } -> std::convertible_to<const char*>;
  { B::lanes } -> std::convertible_to<std::size_t>;
  { B::add(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::sub(a, b) }
  noexcept->std::same_as<typename B::f32>;
};

}  // namespace tulu::simd
