#pragma once

#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// The dtype of tensors whose elements are T.
template <weight_scalar T>
inline constexpr dtype dtype_of = dtype::f32;
template <>
inline constexpr dtype dtype_of<f16> = dtype::f16;
template <>
inline constexpr dtype dtype_of<bf16> = dtype::bf16;

}  // namespace tulu
