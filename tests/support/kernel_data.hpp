#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "reference_llama.hpp"
#include <tulu/core/cpu.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/tensor/block_codec.hpp>
#include <tulu/tensor/nonfinite_blocks.hpp>

namespace tulu::test {

inline constexpr dtype weight_types[] = {dtype::f32, dtype::f16, dtype::bf16};
inline constexpr dtype block_types[] = {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1,  dtype::q8_0,
                                        dtype::q4_k, dtype::q5_k, dtype::q6_k, dtype::iq4_nl};

/// Lengths of rows of a block type: some blocks, also beyond a stretch of 256 that kernels decode at a time.
[[nodiscard]] inline std::vector<std::size_t> block_row_lengths(dtype type) {
  if (block_of(type) == 256) return {256, 512, 768};
  return {32, 96, 224, 256, 288, 544};
}

/// Blocks of random bits whose scales and minima are normal.
inline void fill_blocks(dtype type, std::byte* data, std::size_t count, std::mt19937& generator, float deviation) {
  std::normal_distribution<float> normal{0, deviation};
  const std::size_t bytes = traits(type).bytes;
  const auto [offset, halves] = detail::halves_of(type);
  for (std::size_t i = 0; i < count / block_of(type); ++i, data += bytes) {
    for (std::size_t k = 0; k < bytes; ++k) data[k] = static_cast<std::byte>(generator() >> 13);
    for (std::size_t k = 0; k < halves; ++k) {
      const f16 half = to_f16(normal(generator));
      std::memcpy(data + offset + k * sizeof half, &half, sizeof half);
    }
  }
}

/// Half a unit in the last place of 1: what one float32 operation is off by, relatively.
inline constexpr double unit = 0x1p-24;

/// What logits may be off by, of the largest, when `tokens` are computed at once with weights of `type` in rows: what
/// float32 activations allow, or activations that are rounded to bfloat16 for each product.
[[nodiscard]] inline double logit_bound(const kernel::model_table& table, dtype type, std::size_t tokens) {
  const bool rounded = tokens > kernel::few_tokens && table.row_product[kernel::model_table::at(type)] == dtype::bf16;
  return rounded ? 0.03 : 2e-5;
}

/// The kernels of every backend that this processor can run.
[[nodiscard]] inline std::vector<const kernel::model_table*> usable_models() {
  std::vector<const kernel::model_table*> tables;
  for (const kernel::backend_table* table : kernel::usable_backends(detect_cpu())) tables.push_back(table->model);
  return tables;
}

/// `count` elements that begin `misalignment` elements (or blocks) past a boundary of the allocator and end with its
/// memory, so that a sanitizer sees what is read beyond them.
class elements {
 public:
  elements(dtype type, std::size_t count, std::size_t misalignment = 0)
      : type_{type},
        count_{count},
        storage_{std::make_unique<std::byte[]>(misalignment * traits(type).bytes + bytes_of(type, count))},
        data_{storage_.get() + misalignment * traits(type).bytes} {}

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] float* floats() noexcept { return reinterpret_cast<float*>(data_); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] double operator[](std::size_t index) const {
    return decoded_.empty() ? element(data_, type_, index) : static_cast<double>(decoded_[index]);
  }

  /// All of them, for loops that take each many times.
  [[nodiscard]] std::vector<double> values() const {
    std::vector<double> all(count_);
    for (std::size_t i = 0; i < count_; ++i) all[i] = (*this)[i];
    return all;
  }

  void set(std::size_t index, float value) {
    const auto store = [&](auto scalar) { std::memcpy(data_ + index * sizeof scalar, &scalar, sizeof scalar); };
    if (type_ == dtype::f32) store(value);
    if (type_ == dtype::f16) store(to_f16(value));
    if (type_ == dtype::bf16) store(to_bf16(value));
  }

  void fill(float value) {
    for (std::size_t i = 0; i < count_; ++i) set(i, value);
  }
  /// Blocks have normal scales, not weights.
  void fill_normal(std::mt19937& generator, float deviation = 1) {
    if (is_block_type(type_)) {
      fill_blocks(type_, data_, count_, generator, deviation * 0.02F);
      decoded_.resize(count_);
      return decode(type_, data_, decoded_.data(), count_);
    }
    std::normal_distribution<float> normal{0, deviation};
    for (std::size_t i = 0; i < count_; ++i) set(i, normal(generator));
  }

 private:
  dtype type_;
  std::size_t count_;
  std::unique_ptr<std::byte[]> storage_;
  std::byte* data_;
  std::vector<float> decoded_{};  ///< of blocks
};

/// The largest of |found - wanted| / bound; a NaN counts as infinitely far.
class worst_ratio {
 public:
  void see(double found, double wanted, double bound) {
    const double ratio = found == wanted ? 0 : std::abs(found - wanted) / bound;
    if (!(ratio <= largest_)) largest_ = std::isnan(ratio) ? HUGE_VAL : ratio;
  }
  [[nodiscard]] double value() const noexcept { return largest_; }

 private:
  double largest_ = 0;
};

}  // namespace tulu::test
