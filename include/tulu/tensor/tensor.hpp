#pragma once

#include <utility>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/tensor/tensor_view.hpp>

namespace tulu {

/// A tensor that owns its elements.
class tensor {
 public:
  /// Uninitialised. `bytes` is the product of the extents times the size of an element.
  tensor(dtype type, shape extents, std::size_t bytes) : type_{type}, extents_{std::move(extents)}, storage_{bytes} {}

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return storage_.bytes(); }
  [[nodiscard]] tensor_view view() const { return {type_, extents_, storage_.bytes()}; }

 private:
  dtype type_;
  shape extents_;
  aligned_buffer storage_;
};

}  // namespace tulu
