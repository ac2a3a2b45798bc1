#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::checkpoint {

/// The order of the rows of q_proj and k_proj inside each head. The rotary embedding turns pairs of them: Meta's
/// checkpoints and GGUF keep the two of a pair side by side, Hugging Face's keep all the first ones, then all the
/// second ones (`permute` of transformers' convert_llama_weights_to_hf.py, which llama.cpp's converter undoes).
enum class rotary_order { pairs, halves };

namespace detail {

/// The rows of `source`, heads of `head_dim` rows, brought from the other order into `order`.
class rotary_row_elements : public derived_elements {
 public:
  rotary_row_elements(stored_tensor source, std::size_t head_dim, rotary_order order)
      : source_{std::move(source)}, head_dim_{head_dim}, order_{order} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    if (count == 0) return;
    const std::size_t columns = source_.size() / source_.extents()[0];
    while (count != 0) {
      const std::size_t column = first % columns;
      const std::size_t part = std::min(columns - column, count);
      const std::size_t bytes = bytes_of(source_.type(), part);
      source_.read(source_row(first / columns) * columns + column, part, out.first(bytes));
      out = out.subspan(bytes);
      first += part;
      count -= part;
    }
  }

 private:
  [[nodiscard]] std::size_t source_row(std::size_t row) const noexcept {
    const std::size_t at = row % head_dim_;
    const std::size_t half = head_dim_ / 2;
    return row - at + (order_ == rotary_order::halves ? at % half * 2 + at / half : at % 2 * half + at / 2);
  }

  stored_tensor source_;
  std::size_t head_dim_;
  rotary_order order_;
};

}  // namespace detail

/// q_proj or k_proj (its weight or bias) with the rows of each head brought from the other order into `order`. Throws
/// when the rows are no heads of `head_dim`, an even number, rows.
[[nodiscard]] inline stored_tensor rotary_rows(const stored_tensor& source, std::size_t head_dim, rotary_order order) {
  const shape& extents = source.extents();
  if (head_dim == 0 || head_dim % 2 != 0 || extents.rank() == 0 || extents[0] % head_dim != 0)
    throw mismatch_error(source.file().path().string(), printable(source.name()),
                         "rows in heads of " + std::to_string(head_dim) + ", an even number", to_string(extents));
  return {source.name(), source.type(), extents, source.source(),
          std::make_shared<const detail::rotary_row_elements>(source, head_dim, order)};
}

}  // namespace tulu::checkpoint
