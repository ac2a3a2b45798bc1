#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/error.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/kernel/elementwise_table.hpp>

namespace tulu::diff {

/// Streams planned tensors into a shard_writer, a few elements at a time that stay in the cache.
class transformer {
 public:
  transformer(operation op, const kernel::elementwise_table& kernels, std::stop_token stop)
      : operation_{op}, kernels_{kernels}, stop_{std::move(stop)} {}

  /// Appends all elements of `tensor`; `on_bytes(n)` is told of every n bytes.
  template <class OnBytes>
  void write(const planned_tensor& tensor, checkpoint::shard_writer& out, OnBytes&& on_bytes) {
    start_means(tensor);
    const std::size_t width = size_of(tensor.type);
    for (std::size_t first = 0; first < tensor.source->size();) {
      if (stop_.stop_requested()) throw cancelled{};
      const std::span<std::byte> room = out.room();
      const std::size_t count = std::min({chunk, room.size() / width, tensor.source->size() - first});
      fill(tensor, first, room.first(count * width));
      out.advance(count * width);
      first += count;
      on_bytes(count * width);
    }
  }

  /// The means of the base's rows for each base of `tensor`, empty for one that has as many rows as the source: what
  /// `write` gathers while it streams, for those who read in another order.
  [[nodiscard]] std::vector<std::vector<float>> learn_means(const planned_tensor& tensor) {
    start_means(tensor);
    std::vector<std::vector<float>> values;
    for (std::size_t which = 0; which < tensor.bases.size(); ++which) {
      const checkpoint::stored_tensor& base = *tensor.bases[which];
      for (std::size_t first = 0; !means_[which].sums.empty() && first < base.size(); first += chunk) {
        const std::size_t count = std::min(chunk, base.size() - first);
        const auto bytes = base_.bytes().first(count * size_of(base.type()));
        base.read(first, count, bytes);
        gather(means_[which], base.type(), first, bytes);
      }
      finish_mean(means_[which], base);
      values.push_back(means_[which].values);
    }
    return values;
  }

  /// The elements of `tensor` from `first` on, at most `chunk`, with the means that learn_means gave.
  void read(const planned_tensor& tensor, const std::vector<std::vector<float>>& means, std::size_t first,
            std::span<std::byte> out) {
    means_.clear();
    for (const std::vector<float>& values : means) means_.push_back({{}, values});
    fill(tensor, first, out);
  }

  static constexpr std::size_t chunk = std::size_t{1} << 16;  ///< elements

  /// Of the buffers, without the means (4 + 8 bytes × row length for each base of a tensor with new rows).
  static constexpr std::size_t memory_bytes() noexcept { return 3 * chunk * sizeof(float); }

 private:
  /// The mean of the rows of one base, gathered while they pass by for the sum.
  struct row_mean {
    std::vector<double> sums;
    std::vector<float> values;
  };

  [[nodiscard]] kernel::elementwise_table::binary binary(dtype left, dtype right, dtype out) const noexcept {
    return operation_ == operation::add ? kernels_.adder(left, right, out) : kernels_.subtractor(left, right, out);
  }

  void start_means(const planned_tensor& tensor) {
    means_.clear();
    for (const checkpoint::stored_tensor* base : tensor.bases) {
      if (base->extents() == tensor.extents) {
        means_.emplace_back();
      } else {
        means_.push_back({std::vector<double>(tensor.extents[1]), {}});
      }
    }
  }

  void fill(const planned_tensor& tensor, std::size_t first, std::span<std::byte> out) {
    const std::size_t count = out.size() / size_of(tensor.type);
    if (tensor.bases.empty()) return tensor.source->read(first, count, out);
    const auto left = source_.bytes().first(count * size_of(tensor.source->type()));
    tensor.source->read(first, count, left);
    if (tensor.bases.size() == 1) return apply(tensor, 0, first, left.data(), tensor.source->type(), out, tensor.type);
    const auto sum = partial_.bytes().first(count * sizeof(float));
    apply(tensor, 0, first, left.data(), tensor.source->type(), sum, dtype::f32);
    apply(tensor, 1, first, sum.data(), dtype::f32, out, tensor.type);
  }

  /// out = left (operation) bases[which], for the elements from `first` on.
  void apply(const planned_tensor& tensor, std::size_t which, std::size_t first, const std::byte* left, dtype left_type,
             std::span<std::byte> out, dtype out_type) {
    const checkpoint::stored_tensor& base = *tensor.bases[which];
    const std::size_t count = out.size() / size_of(out_type);
    const std::size_t stored = first >= base.size() ? 0 : std::min(count, base.size() - first);
    const auto right = base_.bytes().first(stored * size_of(base.type()));
    if (stored != 0) base.read(first, stored, right);
    binary(left_type, base.type(), out_type)(left, right.data(), out.data(), stored);
    row_mean& mean = means_[which];
    if (mean.sums.empty() && mean.values.empty()) return;
    if (!mean.sums.empty()) gather(mean, base.type(), first, right);
    apply_mean(tensor, which, first + stored, left + stored * size_of(left_type), left_type,
               out.subspan(stored * size_of(out_type)), out_type);
  }

  void gather(row_mean& mean, dtype type, std::size_t first, std::span<const std::byte> elements) const {
    const std::size_t columns = mean.sums.size();
    while (!elements.empty()) {
      const std::size_t column = first % columns;
      const std::size_t count = std::min(columns - column, elements.size() / size_of(type));
      kernels_.accumulator(type)(elements.data(), mean.sums.data() + column, count);
      elements = elements.subspan(count * size_of(type));
      first += count;
    }
  }

  static void finish_mean(row_mean& mean, const checkpoint::stored_tensor& base) {
    if (!mean.values.empty()) return;
    for (const double sum : mean.sums)
      mean.values.push_back(static_cast<float>(sum / static_cast<double>(base.extents()[0])));
  }

  void apply_mean(const planned_tensor& tensor, std::size_t which, std::size_t first, const std::byte* left,
                  dtype left_type, std::span<std::byte> out, dtype out_type) {
    if (out.empty()) return;
    row_mean& mean = means_[which];
    finish_mean(mean, *tensor.bases[which]);
    while (!out.empty()) {
      const std::size_t column = first % mean.values.size();
      const std::size_t count = std::min(mean.values.size() - column, out.size() / size_of(out_type));
      binary(left_type, dtype::f32, out_type)(left, reinterpret_cast<const std::byte*>(mean.values.data() + column),
                                              out.data(), count);
      left += count * size_of(left_type);
      out = out.subspan(count * size_of(out_type));
      first += count;
    }
  }

  operation operation_;
  const kernel::elementwise_table& kernels_;
  std::stop_token stop_;
  std::vector<row_mean> means_;
  aligned_buffer source_{chunk * sizeof(float)};
  aligned_buffer base_{chunk * sizeof(float)};
  aligned_buffer partial_{chunk * sizeof(float)};
};

}  // namespace tulu::diff
