#pragma once

#include <cstddef>

#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// The weights of a linear layer as PyTorch stores them: [rows = outputs, columns = inputs], row-major, contiguous, in
/// memory that somebody else owns.
struct weight_matrix {
  dtype type = dtype::f32;  ///< one that is_weight_type
  std::size_t rows = 0;
  std::size_t columns = 0;  ///< a multiple of block_of(type)
  const std::byte* data = nullptr;

  [[nodiscard]] std::size_t row_bytes() const noexcept { return bytes_of(type, columns); }
  [[nodiscard]] std::size_t bytes() const noexcept { return rows * row_bytes(); }
  [[nodiscard]] const std::byte* row(std::size_t index) const noexcept { return data + index * row_bytes(); }
};

}  // namespace tulu::kernel
