#pragma once

#include <cstddef>

#include <tulu/kernel/kv_panels.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

namespace detail {

/// The softmax of one row of scores, block after block with a running maximum (Milakov and Gimelshein 2018).
struct softmax_row {
  static constexpr float lowest = -3.0e38f;
  float maximum;
  float sums[16];  ///< of the weights, by lane

  /// Before the first block.
  void clear() noexcept {
    maximum = lowest;
    for (float& sum : sums) sum = 0;
  }
};

/// The scales of the panels of a block: null, or those of the first panel and the bytes to those of the next.
struct block_scales {
  const std::byte* first = nullptr;
  std::size_t step = 0;

  [[nodiscard]] const float* at(std::size_t position) const noexcept {
    return reinterpret_cast<const float*>(first + position / panel_positions * step) + position % panel_positions;
  }
};

/// scores[p] = scale × keys.at(p) × scores[p] for `count` positions, rounded up to whole panels; returns the largest of
/// them and of `maximum`. Those behind the end become softmax_row::lowest.
template <class Backend, class Type>
[[nodiscard]] float scale_scores(float* scores, std::size_t count, float scale, const block_scales& keys,
                                 float maximum) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  const auto factor = Backend::set(scale);
  for (std::size_t p = 0; p < count; p += lanes) {
    auto score = Backend::mul(Backend::load(scores + p), factor);
    if constexpr (has_scales<Type>) score = Backend::mul(score, Backend::load(keys.at(p)));
    Backend::store(scores + p, score);
  }
  for (std::size_t p = count; p < attention_block; ++p) scores[p] = softmax_row::lowest;
  auto largest = Backend::set(maximum);
  for (std::size_t p = 0; p < count; p += lanes) largest = Backend::max(largest, Backend::load(scores + p));
  float each[lanes];
  Backend::store(each, largest);
  for (const float value : each) maximum = maximum < value ? value : maximum;
  return maximum;
}

/// Turns the products of a query with the keys of a block into weights exp(score - maximum), those behind `count` zero,
/// and adds them to the sums; then q8_0 multiplies them by the scales of the values. Returns by what the totals made
/// with the maximum before are to be multiplied. `scores` has room for attention_block floats.
template <class Backend, class Type>
[[nodiscard]] float weigh_scores(float* scores, std::size_t count, float scale, const block_scales& keys,
                                 const block_scales& values, softmax_row& row) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  static_assert(panel_positions % lanes == 0);
  const float maximum = scale_scores<Backend, Type>(scores, count, scale, keys, row.maximum);
  float correction = 1;
  if (row.maximum != maximum) {
    float elements[lanes];
    Backend::store(elements, Backend::exp(Backend::set(row.maximum - maximum)));
    correction = elements[0];
    const auto factor = Backend::set(correction);
    for (std::size_t i = 0; i < 16; i += lanes)
      Backend::store(row.sums + i, Backend::mul(Backend::load(row.sums + i), factor));
    row.maximum = maximum;
  }
  const auto shift = Backend::set(maximum);
  for (std::size_t p = 0; p < count; p += lanes)
    Backend::store(scores + p, Backend::exp(Backend::sub(Backend::load(scores + p), shift)));
  for (std::size_t p = count; p < attention_block; ++p) scores[p] = 0;
  for (std::size_t p = 0; p < count; p += lanes) {
    float* const sum = row.sums + p % 16;
    Backend::store(sum, Backend::add(Backend::load(sum), Backend::load(scores + p)));
  }
  if constexpr (has_scales<Type>) {
    for (std::size_t p = 0; p < count; p += lanes)
      Backend::store(scores + p, Backend::mul(Backend::load(scores + p), Backend::load(values.at(p))));
    for (std::size_t p = count; p < attention_block; ++p) scores[p] = 0;
  }
  return correction;
}

/// out[d] = totals[d] / the sum of the weights.
template <class Backend>
void divide_by_sum(const float* totals, const softmax_row& row, std::size_t head_dim, float* out) noexcept {
  float sum = 0;
  for (const float each : row.sums) sum += each;
  for (std::size_t d = 0; d < head_dim; ++d) out[d] = totals[d] / sum;
}

}  // namespace detail
}  // namespace tulu::kernel
