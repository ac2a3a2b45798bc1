#pragma once

#include <cstddef>
#include <cstring>

#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// One token's query heads that share a key-value head, and the positions it sees.
struct attention_shape {
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  std::size_t stride = 0;     ///< elements from one row of keys or values to the next, a multiple of 16, the rest zero
  std::size_t positions = 0;  ///< at least one
  float scale = 1;            ///< of the scores
};

/// Positions that are worked on together.
inline constexpr std::size_t attention_block = 64;

/// Floats that attend needs to work in.
[[nodiscard]] constexpr std::size_t attention_scratch(std::size_t heads, std::size_t stride) noexcept {
  return heads * (2 * stride + attention_block + 2);
}

/// out[h] = Σ_p softmax_p(scale × queries[h] · keys[p]) × values[p], the softmax in one pass with a running maximum
/// (Milakov and Gimelshein 2018). queries and out: [heads][head_dim]; keys and values: [positions][stride].
/// The bits of a head's result do not depend on `heads`.
using attend_function = void (*)(const float* queries, const std::byte* keys, const std::byte* values,
                                 const attention_shape& shape, float* out, float* scratch) noexcept;

namespace detail {

/// The scores of `count` positions: query · key × scale.
template <class Backend, class Element>
void score_keys(const float* query, const Element* keys, const attention_shape& shape, std::size_t count,
                float* scores) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t lanes = Backend::lanes, together = 4;
  const auto score = [&]<std::size_t Count>(std::size_t first, const f32(&zero)[Count]) {
    f32 sums[Count];
    for (std::size_t i = 0; i < Count; ++i) sums[i] = zero[i];
    for (std::size_t d = 0; d < shape.stride; d += lanes) {
      const f32 q = Backend::load(query + d);
      for (std::size_t i = 0; i < Count; ++i)
        sums[i] = Backend::fma(q, Backend::load(keys + (first + i) * shape.stride + d), sums[i]);
    }
    for (std::size_t i = 0; i < Count; ++i) scores[first + i] = Backend::sum(sums[i]) * shape.scale;
  };
  const f32 zero = Backend::set(0);
  const f32 four[together] = {zero, zero, zero, zero}, one[1] = {zero};
  std::size_t first = 0;
  for (; count - first >= together; first += together) score(first, four);
  for (; first < count; ++first) score(first, one);
}

/// total = total × correction + Σ_p weights[p] × values[p] over `count` positions, `Registers` registers at a time.
template <class Backend, class Element, std::size_t Registers>
void add_values(const float* weights, const Element* values, std::size_t stride, std::size_t count, float correction,
                float* total) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t lanes = Backend::lanes;
  const f32 scale = Backend::set(correction);
  for (std::size_t d = 0; d < stride; d += Registers * lanes) {
    f32 sums[Registers];
    for (std::size_t v = 0; v < Registers; ++v) sums[v] = Backend::mul(Backend::load(total + d + v * lanes), scale);
    for (std::size_t p = 0; p < count; ++p) {
      const f32 weight = Backend::set(weights[p]);
      for (std::size_t v = 0; v < Registers; ++v)
        sums[v] = Backend::fma(weight, Backend::load(values + p * stride + d + v * lanes), sums[v]);
    }
    for (std::size_t v = 0; v < Registers; ++v) Backend::store(total + d + v * lanes, sums[v]);
  }
}

/// The running maximum and sum of one head.
struct softmax_state {
  float maximum;
  float sum;
};

/// Turns `count` scores into weights exp(score - maximum), adds them to the sum, and returns by what the totals made
/// with the maximum before are to be multiplied. `scores` has room for attention_block floats.
template <class Backend>
[[nodiscard]] float weigh_scores(float* scores, std::size_t count, softmax_state& state) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  static_assert(attention_block % lanes == 0);
  const auto exp_of = [](float value) {
    float elements[lanes];
    Backend::store(elements, Backend::exp(Backend::set(value)));
    return elements[0];
  };
  float maximum = state.maximum;
  for (std::size_t p = 0; p < count; ++p) maximum = maximum < scores[p] ? scores[p] : maximum;
  const float correction = state.maximum == maximum ? 1.0f : exp_of(state.maximum - maximum);
  for (std::size_t p = count; p < attention_block; ++p) scores[p] = maximum;
  const auto shift = Backend::set(maximum);
  for (std::size_t p = 0; p < count; p += lanes)
    Backend::store(scores + p, Backend::exp(Backend::sub(Backend::load(scores + p), shift)));
  for (std::size_t p = count; p < attention_block; ++p) scores[p] = 0;
  auto sum = Backend::set(0);
  for (std::size_t p = 0; p < count; p += lanes) sum = Backend::add(sum, Backend::load(scores + p));
  state = {maximum, state.sum * correction + Backend::sum(sum)};
  return correction;
}

}  // namespace detail

/// See attend_function; keys and values are elements of type Element.
template <simd::backend Backend, class Element>
void attend(const float* queries, const std::byte* keys, const std::byte* values, const attention_shape& shape,
            float* out, float* scratch) noexcept {
  static_assert(16 % Backend::lanes == 0);
  constexpr std::size_t registers = Backend::lanes == 16 ? 1 : 16 / Backend::lanes > 4 ? 4 : 16 / Backend::lanes;
  const std::size_t stride = shape.stride, padded = shape.heads * stride;
  float* const query = scratch;
  float* const totals = query + padded;
  float* const scores = totals + padded;
  auto* const states = scores + shape.heads * attention_block;
  std::memset(query, 0, 2 * padded * sizeof(float));
  for (std::size_t h = 0; h < shape.heads; ++h) {
    std::memcpy(query + h * stride, queries + h * shape.head_dim, shape.head_dim * sizeof(float));
    states[2 * h] = -3.0e38f;
    states[2 * h + 1] = 0;
  }
  const auto* const key = reinterpret_cast<const Element*>(keys);
  const auto* const value = reinterpret_cast<const Element*>(values);
  for (std::size_t first = 0; first < shape.positions; first += attention_block) {
    const std::size_t rest = shape.positions - first;
    const std::size_t count = rest < attention_block ? rest : attention_block;
    for (std::size_t h = 0; h < shape.heads; ++h) {
      float* const score = scores + h * attention_block;
      detail::softmax_state state{states[2 * h], states[2 * h + 1]};
      detail::score_keys<Backend>(query + h * stride, key + first * stride, shape, count, score);
      const float correction = detail::weigh_scores<Backend>(score, count, state);
      detail::add_values<Backend, Element, registers>(score, value + first * stride, stride, count, correction,
                                                      totals + h * stride);
      states[2 * h] = state.maximum;
      states[2 * h + 1] = state.sum;
    }
  }
  for (std::size_t h = 0; h < shape.heads; ++h)
    for (std::size_t d = 0; d < shape.head_dim; ++d)
      out[h * shape.head_dim + d] = totals[h * stride + d] / states[2 * h + 1];
}

}  // namespace tulu::kernel
