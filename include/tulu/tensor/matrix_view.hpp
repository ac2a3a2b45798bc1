#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype_of.hpp>
#include <tulu/tensor/tensor_view.hpp>

namespace tulu {

/// A row-major matrix in memory that someone else owns: element (i, j) is `data[i * stride + j]`. Element is const for
/// a matrix that is only read.
template <class Element>
struct matrix_view {
  Element* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;  ///< elements from one row to the next, at least `columns`

  [[nodiscard]] constexpr std::span<Element> row(std::size_t index) const noexcept {
    return {data + index * stride, columns};
  }
  [[nodiscard]] constexpr Element& operator()(std::size_t row, std::size_t column) const noexcept {
    return data[row * stride + column];
  }

  /// The rows [first, first + count).
  [[nodiscard]] constexpr matrix_view rows_from(std::size_t first, std::size_t count) const noexcept {
    return {data + first * stride, count, columns, stride};
  }
  /// The columns [first, first + count).
  [[nodiscard]] constexpr matrix_view columns_from(std::size_t first, std::size_t count) const noexcept {
    return {data + first, rows, count, stride};
  }

  constexpr operator matrix_view<const Element>() const noexcept requires(!std::is_const_v<Element>) {
    return {data, rows, columns, stride};
  }
};

namespace detail {

/// Throws unless `view` holds elements of type T in at most two axes. `name` is the tensor's, for the message.
template <class T>
void require_matrix(const tensor_view& view, std::string_view name) {
  if (view.type != dtype_of<T> || view.extents.rank() > 2)
    throw mismatch_error(name, "", std::string{tulu::name(dtype_of<T>)} + " in at most two axes",
                         std::string{tulu::name(view.type)} + " " + to_string(view.extents));
}

}  // namespace detail

/// The elements of `view` as T, which has to be their type. A vector is one row, a scalar one row of one. `name` is
/// the tensor's, for the error.
template <class T>
[[nodiscard]] matrix_view<const T> as(const tensor_view& view, std::string_view name = "tensor") {
  detail::require_matrix<T>(view, name);
  const std::size_t rank = view.extents.rank();
  const std::size_t columns = rank == 0 ? 1 : view.extents[rank - 1];
  return {reinterpret_cast<const T*>(view.bytes.data()), rank == 2 ? view.extents[0] : 1, columns, columns};
}

}  // namespace tulu
