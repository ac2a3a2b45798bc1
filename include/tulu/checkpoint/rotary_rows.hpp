#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/tensor.hpp>

namespace tulu::checkpoint {

/// How the rows of q_proj and k_proj, those of one head, are ordered. The rotary embedding turns pairs of rows:
/// transformers puts the two of a pair half a head apart, Meta and ggml (architecture llama) side by side.
enum class rotary_order { halves, pairs };

/// The row of a head of `head_dim` rows in the order `from` that is row `row` of the order `to`.
[[nodiscard]] constexpr std::size_t rotary_row(std::size_t row, std::size_t head_dim, rotary_order from,
                                               rotary_order to) noexcept {
  if (from == to) return row;
  const std::size_t half = head_dim / 2;
  return to == rotary_order::halves ? row % half * 2 + row / half : row % 2 * half + row / 2;
}

/// True for the tensors of transformers' names whose rows are those of rotated heads.
[[nodiscard]] inline bool has_rotary_rows(std::string_view name) noexcept {
  for (const std::string_view suffix : {".weight", ".bias"})
    if (name.ends_with(suffix)) {
      const std::string_view layer = name.substr(0, name.size() - suffix.size());
      return layer.ends_with("self_attn.q_proj") || layer.ends_with("self_attn.k_proj");
    }
  return false;
}

namespace detail {

/// The rows of a matrix (the elements of a vector) in the other rotary order.
class rotary_rows final : public derived_elements {
 public:
  rotary_rows(stored_tensor source, std::size_t head_dim, rotary_order from, rotary_order to)
      : source_{std::move(source)},
        head_dim_{head_dim},
        row_{source_.extents().rank() == 1 ? 1 : source_.extents()[1]},
        from_{from},
        to_{to} {}

  [[nodiscard]] const stored_tensor& source() const noexcept { return source_; }
  [[nodiscard]] rotary_order from() const noexcept { return from_; }
  [[nodiscard]] std::size_t head_dim() const noexcept { return head_dim_; }

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    while (count != 0) {
      const std::size_t row = first / row_, column = first % row_;
      const std::size_t part = std::min(count, row_ - column);
      const std::size_t bytes = bytes_of(source_.type(), part);
      const std::size_t inside = row % head_dim_;
      const std::size_t origin = row - inside + rotary_row(inside, head_dim_, from_, to_);
      source_.read(origin * row_ + column, part, out.first(bytes));
      out = out.subspan(bytes);
      first += part;
      count -= part;
    }
  }

 private:
  stored_tensor source_;
  std::size_t head_dim_;
  std::size_t row_;  ///< elements of one row
  rotary_order from_, to_;
};

}  // namespace detail

/// `tensor`, a matrix or bias of `heads` heads in the order `from`, with its rows in the order `to`. Throws when its
/// rows are not those of heads of even size.
[[nodiscard]] inline stored_tensor reorder_rotary_rows(const stored_tensor& tensor, std::size_t heads,
                                                       rotary_order from, rotary_order to) {
  const shape& extents = tensor.extents();
  const bool has_rows = extents.rank() == 2 || (extents.rank() == 1 && !is_block_type(tensor.type()));
  if (!has_rows || heads == 0 || extents[0] % heads != 0 || extents[0] / heads % 2 != 0)
    throw mismatch_error(tensor.file().path().string(), printable(tensor.name()),
                         "the rows of " + std::to_string(heads) + " heads of even size", to_string(extents));
  if (from == to || tensor.size() == 0) return tensor;
  return {tensor.name(), tensor.type(), extents, tensor.source(),
          std::make_shared<const detail::rotary_rows>(tensor, extents[0] / heads, from, to)};
}

/// Where the elements of a tensor whose heads of `head_dim` rows reorder_rotary_rows has brought from `pairs` to
/// `halves` lie in the mapped file, in the order of `pairs`; nothing for any other tensor, and where `view` of the
/// stored one gives nothing.
[[nodiscard]] inline std::optional<tensor_view> view_in_pairs(const stored_tensor& tensor, std::size_t head_dim) {
  const auto* const rows = dynamic_cast<const detail::rotary_rows*>(tensor.derived());
  if (rows == nullptr || rows->from() != rotary_order::pairs || rows->head_dim() != head_dim) return std::nullopt;
  return rows->source().view();
}

}  // namespace tulu::checkpoint
