#pragma once

#include <cstddef>
#include <string_view>

#include <tulu/scalar/eigen.hpp>
#include <tulu/tensor/matrix_view.hpp>
#include <tulu/tensor/tensor_view.hpp>

namespace tulu {

template <class T>
using eigen_matrix = Eigen::Matrix<eigen_scalar_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The elements of `view` where they lie, as an Eigen matrix. T has to be their type; Eigen sees bf16 as
/// Eigen::bfloat16 and f16 as Eigen::half. A vector is one column, as Eigen's vectors are (`as` makes it one row),
/// a scalar a matrix of one. `name` is the tensor's, for the error.
template <class T>
[[nodiscard]] Eigen::Map<const eigen_matrix<T>> as_eigen(const tensor_view& view, std::string_view name = "tensor") {
  static_assert(sizeof(T) == sizeof(eigen_scalar_t<T>));
  detail::require_matrix<T>(view, name);
  const auto extent = [&](std::size_t axis) {
    return axis < view.extents.rank() ? static_cast<Eigen::Index>(view.extents[axis]) : Eigen::Index{1};
  };
  return {reinterpret_cast<const eigen_scalar_t<T>*>(view.bytes.data()), extent(0), extent(1)};
}

}  // namespace tulu
