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

namespace tulu::test {

inline constexpr dtype weight_types[] = {dtype::f32, dtype::f16, dtype::bf16};

/// Half a unit in the last place of 1: what one float32 operation is off by, relatively.
inline constexpr double unit = 0x1p-24;

/// The kernels of every backend that this processor can run.
[[nodiscard]] inline std::vector<const kernel::model_table*> usable_models() {
  std::vector<const kernel::model_table*> tables;
  for (const kernel::backend_table* table : kernel::usable_backends(detect_cpu())) tables.push_back(table->model);
  return tables;
}

/// `count` elements that begin `misalignment` elements past a boundary of the allocator and end with its memory, so
/// that a sanitizer sees what is read beyond them.
class elements {
 public:
  elements(dtype type, std::size_t count, std::size_t misalignment = 0)
      : type_{type},
        count_{count},
        storage_{std::make_unique<std::byte[]>((misalignment + count) * size_of(type))},
        data_{storage_.get() + misalignment * size_of(type)} {}

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] float* floats() noexcept { return reinterpret_cast<float*>(data_); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] double operator[](std::size_t index) const { return element(data_, type_, index); }

  void set(std::size_t index, float value) {
    std::byte* const at = data_ + index * size_of(type_);
    const f16 half = to_f16(value);
    const bf16 brain = to_bf16(value);
    if (type_ == dtype::f32) std::memcpy(at, &value, sizeof value);
    if (type_ == dtype::f16) std::memcpy(at, &half, sizeof half);
    if (type_ == dtype::bf16) std::memcpy(at, &brain, sizeof brain);
  }

  void fill(float value) {
    for (std::size_t i = 0; i < count_; ++i) set(i, value);
  }
  void fill_normal(std::mt19937& generator, float deviation = 1) {
    std::normal_distribution<float> normal{0, deviation};
    for (std::size_t i = 0; i < count_; ++i) set(i, normal(generator));
  }

 private:
  dtype type_;
  std::size_t count_;
  std::unique_ptr<std::byte[]> storage_;
  std::byte* data_;
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
