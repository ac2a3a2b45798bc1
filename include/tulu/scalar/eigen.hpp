#pragma once

#include <type_traits>

#include <Eigen/Core>

#include <tulu/scalar/traits.hpp>

namespace tulu {

/// The type Eigen computes with for elements of type T: its own 16-bit types for f16 and bf16, T itself otherwise.
/// Same size, alignment and bits, so that a map over tulu's elements needs no copy.
template <class T>
struct eigen_scalar {
  using type = T;
};

template <>
struct eigen_scalar<f16> {
  using type = Eigen::half;
};

template <>
struct eigen_scalar<bf16> {
  using type = Eigen::bfloat16;
};

/// const is kept: eigen_scalar_t<const f16> is const Eigen::half.
template <class T>
using eigen_scalar_t = std::conditional_t<std::is_const_v<T>, const typename eigen_scalar<std::remove_const_t<T>>::type,
                                          typename eigen_scalar<T>::type>;

static_assert(sizeof(Eigen::half) == sizeof(f16) && alignof(Eigen::half) == alignof(f16));
static_assert(sizeof(Eigen::bfloat16) == sizeof(bf16) && alignof(Eigen::bfloat16) == alignof(bf16));

}  // namespace tulu
