#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// Adds up the bytes of tensors by their type.
class bytes_by_type {
 public:
  void add(dtype type, std::size_t bytes) noexcept { bytes_[static_cast<std::size_t>(type)] += bytes; }

  /// The type that has most of them; F32 when there are none.
  [[nodiscard]] dtype most() const noexcept {
    const auto most = std::max_element(bytes_.begin(), bytes_.end());
    return *most == 0 ? dtype::f32 : static_cast<dtype>(most - bytes_.begin());
  }

 private:
  std::array<std::size_t, dtypes.size()> bytes_{};
};

}  // namespace tulu
