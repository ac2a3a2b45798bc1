#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernel_data.hpp"
#include <tulu/kernel/attention.hpp>
#include <tulu/kernel/kv_panels.hpp>
#include <tulu/tensor/block_codec.hpp>

namespace tulu::test {

inline constexpr dtype cache_types[] = {dtype::f32, dtype::f16, dtype::bf16, dtype::q8_0};

/// The panels of one head, read by what kv_panels.hpp says of them, in blocks with a little room between them. All
/// bytes are 0xff at first: NaN in every type of floats and for scales.
class kv_panels {
 public:
  kv_panels(dtype type, std::size_t head_dim, std::size_t capacity)
      : type_{type},
        head_dim_{head_dim},
        stride_{(head_dim + 15) / 16 * 16},
        block_stride_{block / 16 * bytes(stride_) + 64},
        keys_((capacity + block - 1) / block * block_stride_, std::byte{0xff}),
        values_(keys_.size(), std::byte{0xff}) {}

  [[nodiscard]] double key(std::size_t position, std::size_t d) const {
    return read(keys_.data() + panel(position, head_dim_), d * 16 + position % 16, position % 16, head_dim_);
  }
  [[nodiscard]] double value(std::size_t position, std::size_t d) const {
    return read(values_.data() + panel(position, stride_), position % 16 * stride_ + d, position % 16, stride_);
  }
  void store(const kernel::model_table& table, std::size_t position, const float* key, const float* value) {
    const std::size_t from = position / block * block_stride_;
    table.store_key_value[kernel::model_table::cache_at(type_)](key, value, head_dim_, position % block,
                                                                keys_.data() + from, values_.data() + from);
  }
  [[nodiscard]] std::size_t block_stride() const { return block_stride_; }
  [[nodiscard]] const std::byte* keys() const { return keys_.data(); }
  [[nodiscard]] const std::byte* values() const { return values_.data(); }

 private:
  static constexpr std::size_t block = kernel::attention_block;

  [[nodiscard]] std::size_t panel(std::size_t position, std::size_t width) const {
    return position / block * block_stride_ + position % block / 16 * bytes(width);
  }
  [[nodiscard]] std::size_t bytes(std::size_t width) const {
    return type_ == dtype::q8_0 ? 16 * width + 64 : 16 * width * size_of(type_);
  }
  [[nodiscard]] double read(const std::byte* panel, std::size_t index, std::size_t row, std::size_t width) const {
    if (type_ != dtype::q8_0) return element(panel, type_, index);
    std::int8_t level;
    float scale;
    std::memcpy(&level, panel + index, 1);
    std::memcpy(&scale, panel + 16 * width + row * 4, 4);
    return static_cast<double>(level) * static_cast<double>(scale);
  }

  dtype type_;
  std::size_t head_dim_, stride_, block_stride_;
  std::vector<std::byte> keys_, values_;
};

}  // namespace tulu::test
