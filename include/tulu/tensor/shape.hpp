#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/core/checked.hpp>

namespace tulu {

/// The extents of a row-major tensor, outermost first. Rank 0 is a scalar of one element.
class shape {
 public:
  shape() = default;
  shape(std::initializer_list<std::size_t> extents) : extents_{extents} {}
  explicit shape(std::vector<std::size_t> extents) : extents_{std::move(extents)} {}

  [[nodiscard]] std::size_t rank() const noexcept { return extents_.size(); }
  [[nodiscard]] std::size_t operator[](std::size_t axis) const noexcept { return extents_[axis]; }
  [[nodiscard]] std::span<const std::size_t> extents() const noexcept { return extents_; }

  /// The number of elements, or nothing when it does not fit std::size_t.
  [[nodiscard]] std::optional<std::size_t> count() const noexcept { return checked_product(extents_); }

  bool operator==(const shape&) const = default;

 private:
  std::vector<std::size_t> extents_;
};

/// "[32000, 4096]".
[[nodiscard]] inline std::string to_string(const shape& extents) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < extents.rank(); ++axis) {
    if (axis != 0) text += ", ";
    text += std::to_string(extents[axis]);
  }
  return text + "]";
}

}  // namespace tulu
