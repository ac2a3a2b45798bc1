#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::convert {

namespace detail {

class memory_elements : public checkpoint::derived_elements {
 public:
  explicit memory_elements(std::vector<float> values) : values_{std::move(values)} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    std::ranges::copy(std::as_bytes(std::span{values_}.subspan(first, count)), out.begin());
  }

 private:
  std::vector<float> values_;
};

}  // namespace detail

/// A vector of F32 that is in no file; messages name the file `source`.
[[nodiscard]] inline checkpoint::stored_tensor memory_tensor(std::string name, std::vector<float> values,
                                                             std::shared_ptr<const checkpoint::tensor_file> source) {
  const std::size_t size = values.size();
  return {std::move(name), dtype::f32, shape{size}, std::move(source),
          std::make_shared<const detail::memory_elements>(std::move(values))};
}

}  // namespace tulu::convert
