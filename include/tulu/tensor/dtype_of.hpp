#pragma once

#include <tulu/scalar/iq4_nl.hpp>
#include <tulu/scalar/q4_0.hpp>
#include <tulu/scalar/q4_1.hpp>
#include <tulu/scalar/q4_k.hpp>
#include <tulu/scalar/q5_0.hpp>
#include <tulu/scalar/q5_1.hpp>
#include <tulu/scalar/q5_k.hpp>
#include <tulu/scalar/q6_k.hpp>
#include <tulu/scalar/q8_0.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// The dtype of tensors whose elements are T, or lie in blocks of type T.
template <class T>
inline constexpr dtype dtype_of = T::has_no_dtype;  // an error for any other type
template <>
inline constexpr dtype dtype_of<float> = dtype::f32;
template <>
inline constexpr dtype dtype_of<f16> = dtype::f16;
template <>
inline constexpr dtype dtype_of<bf16> = dtype::bf16;
template <>
inline constexpr dtype dtype_of<q4_0> = dtype::q4_0;
template <>
inline constexpr dtype dtype_of<q4_1> = dtype::q4_1;
template <>
inline constexpr dtype dtype_of<q5_0> = dtype::q5_0;
template <>
inline constexpr dtype dtype_of<q5_1> = dtype::q5_1;
template <>
inline constexpr dtype dtype_of<q8_0> = dtype::q8_0;
template <>
inline constexpr dtype dtype_of<q4_k> = dtype::q4_k;
template <>
inline constexpr dtype dtype_of<q5_k> = dtype::q5_k;
template <>
inline constexpr dtype dtype_of<q6_k> = dtype::q6_k;
template <>
inline constexpr dtype dtype_of<iq4_nl> = dtype::iq4_nl;

}  // namespace tulu
