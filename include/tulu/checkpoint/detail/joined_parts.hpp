#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::checkpoint::detail {

/// Matrices of one shape and type, below each other (axis 0) or beside each other (axis 1), as one.
class joined_elements : public derived_elements {
 public:
  joined_elements(std::vector<stored_tensor> parts, std::size_t axis)
      : parts_{std::move(parts)}, run_{axis == 0 ? parts_[0].size() : parts_[0].extents()[1]} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    while (count != 0) {
      const std::size_t number = first / run_;
      const std::size_t within = first % run_;
      const std::size_t length = std::min(run_ - within, count);
      const std::size_t bytes = bytes_of(parts_[0].type(), length);
      parts_[number % parts_.size()].read(number / parts_.size() * run_ + within, length, out.first(bytes));
      out = out.subspan(bytes);
      first += length;
      count -= length;
    }
  }

 private:
  std::vector<stored_tensor> parts_;
  std::size_t run_;  ///< elements that follow each other in one part: its rows all, or one of them
};

/// `parts`, at least one, as one tensor of the first one's name: their rows below each other (axis 0) or beside each
/// other (axis 1). Nothing is read until the elements are asked for. Throws unless they are matrices of one shape and
/// one type whose elements are no blocks.
[[nodiscard]] inline stored_tensor join_parts(const std::vector<stored_tensor>& parts, std::size_t axis) {
  const stored_tensor& first = parts.front();
  const auto refuse = [](const stored_tensor& part, std::string_view expected) {
    return mismatch_error(part.file().path().string(), printable(part.name()), expected,
                          std::string{name(part.type())} + " " + to_string(part.extents()));
  };
  if (first.extents().rank() != 2 || is_block_type(first.type())) throw refuse(first, "a matrix of plain elements");
  for (const stored_tensor& part : parts)
    if (part.extents() != first.extents() || part.type() != first.type())
      throw refuse(part, std::string{name(first.type())} + " " + to_string(first.extents()) + " as in " +
                             first.file().path().filename().string());
  if (parts.size() == 1) return first;
  std::vector<std::size_t> extents(first.extents().extents().begin(), first.extents().extents().end());
  const auto grown = checked_mul(extents[axis], parts.size());
  const auto bytes = checked_mul(first.bytes(), parts.size());
  if (!grown || !bytes) throw refuse(first, "parts of a matrix that a machine can address");
  extents[axis] = *grown;
  return {first.name(), first.type(), shape{std::move(extents)}, first.source(),
          std::make_shared<const joined_elements>(parts, axis)};
}

}  // namespace tulu::checkpoint::detail
