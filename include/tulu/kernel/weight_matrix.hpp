#pragma once

#include <cstddef>

#include <tulu/kernel/deferred_panels.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// How the elements of a matrix lie in memory: row after row, as PyTorch stores them, or as panel_format says.
enum class weight_layout { rows, panels };

/// The weights of a linear layer: [rows = outputs, columns = inputs], in memory that somebody else owns.
struct weight_matrix {
  dtype type = dtype::f32;  ///< one that is_weight_type
  std::size_t rows = 0;
  std::size_t columns = 0;  ///< a multiple of block_of(type)
  const std::byte* data = nullptr;
  weight_layout layout = weight_layout::rows;
  bool in_pairs = false;  ///< of q_proj and k_proj: in checkpoint::rotary_order::pairs, else halves
  deferred_panels* deferred =
      nullptr;  ///< what packs panels when they are used, `data` being theirs in the end; or null

  [[nodiscard]] bool in_panels() const noexcept { return layout == weight_layout::panels; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_of_rows(rows); }
  /// Where row `index` begins; in panels a multiple of panel_rows.
  [[nodiscard]] const std::byte* row(std::size_t index) const noexcept { return data + bytes_of_rows(index); }
  /// What `count` rows take.
  [[nodiscard]] std::size_t bytes_of_rows(std::size_t count) const noexcept {
    return in_panels() ? panels_bytes(type, count, columns) : count * bytes_of(type, columns);
  }
};

}  // namespace tulu::kernel
