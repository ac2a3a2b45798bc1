#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include <tulu/kernel/attention_softmax.hpp>
#include <tulu/kernel/attention_tile.hpp>
#include <tulu/kernel/fetch_ahead.hpp>
#include <tulu/kernel/kv_panels.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// For the query heads that share a key-value head, of tokens that follow each other in a sequence:
/// out[t][h] = Σ_p softmax_p(scale × queries[t][h] · keys[p]) × values[p] over the positions that token t sees.
/// queries and out: [tokens, token_stride] with [heads][head_dim] in a row; keys and values: panels, see kv_panels.hpp,
/// whose blocks lie block_stride bytes apart; scratch: attention_scratch floats.
///
/// The bits of a head's result do not depend on `heads`. Of keys and values nothing that lies behind the last token's
/// position has any effect; between positions of one call an infinite value reaches the tokens before it.
using attend_function = void (*)(const float* queries, const std::byte* keys, const std::byte* values,
                                 const attention_shape& shape, float* out, float* scratch) noexcept;

namespace detail {

/// The sums that one token's kernels keep in registers.
template <class Backend>
inline constexpr std::size_t attention_sums = Backend::registers == 32 ? 16 : 8;

/// scores[h][p] = Σ_d queries[h][d] × keys[d][p] for `Heads` heads and the positions of `Registers` registers, in order
/// of d. `first` is the first position, a multiple of what the registers hold.
template <class Backend, class Type, std::size_t Heads, std::size_t Registers>
void score_keys(const float* queries, const attention_shape& shape, const std::byte* keys, std::size_t first,
                float* scores) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t lanes = Backend::lanes;
  const std::size_t head_dim = shape.head_dim, panel = kv_panel_size<Type>(head_dim);
  const std::byte* const from = keys + first / panel_positions * panel;
  const std::size_t offset = first % panel_positions;
  f32 sums[Heads][Registers];
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t r = 0; r < Registers; ++r) sums[h][r] = Backend::set(0);
  for (std::size_t d = 0; d < head_dim; ++d) {
    f32 query[Heads];
    for (std::size_t h = 0; h < Heads; ++h) query[h] = Backend::set(queries[h * head_dim + d]);
    for (std::size_t r = 0; r < Registers; ++r) {
      const std::size_t at = r * lanes;
      const auto* const row = reinterpret_cast<const cached<Type>*>(from + at / panel_positions * panel);
      // The same place in the next block, which the processor does not guess.
      fetch_ahead(row + d * panel_positions, shape.block_stride);
      const f32 key = load_cached<Backend>(row + d * panel_positions + offset + at % panel_positions);
      for (std::size_t h = 0; h < Heads; ++h) sums[h][r] = Backend::fma(query[h], key, sums[h][r]);
    }
  }
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t r = 0; r < Registers; ++r)
      Backend::store(scores + h * attention_block + first + r * lanes, sums[h][r]);
}

/// score_keys for all panels that `count` positions, at most attention_block, lie in.
template <class Backend, class Type, std::size_t Heads>
void score_block(const float* queries, const attention_shape& shape, const std::byte* keys, std::size_t count,
                 float* scores) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  constexpr std::size_t wide = std::bit_floor(attention_sums<Backend> / Heads);
  constexpr std::size_t registers = wide < attention_block / lanes ? wide : attention_block / lanes;
  constexpr std::size_t together = registers * lanes;
  const std::size_t end = (count + panel_positions - 1) / panel_positions * panel_positions;
  std::size_t first = 0;
  for (; end - first >= together; first += together)
    score_keys<Backend, Type, Heads, registers>(queries, shape, keys, first, scores);
  if constexpr (together > panel_positions)
    for (; first < end; first += panel_positions)
      score_keys<Backend, Type, Heads, panel_positions / lanes>(queries, shape, keys, first, scores);
}

/// totals[h] = totals[h] × corrections[h] + Σ_p weights[h][p] × values[p] over `count` positions, for the dimensions of
/// `Registers` registers from `first` on.
template <class Backend, class Type, std::size_t Heads, std::size_t Registers>
void add_values(const float* weights, const std::byte* values, const attention_shape& shape, std::size_t count,
                const float* corrections, std::size_t first, float* totals) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t lanes = Backend::lanes;
  const std::size_t stride = kv_stride(shape.head_dim);
  f32 sums[Heads][Registers];
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t v = 0; v < Registers; ++v)
      sums[h][v] = Backend::mul(Backend::load(totals + h * stride + first + v * lanes), Backend::set(corrections[h]));
  for (std::size_t start = 0; start < count; start += panel_positions) {
    const std::size_t rest = count - start, end = rest < panel_positions ? count : start + panel_positions;
    const auto* row = reinterpret_cast<const cached<Type>*>(values) + first;
    values += kv_panel_size<Type>(stride);
    for (std::size_t p = start; p < end; ++p, row += stride) {
      for (std::size_t v = 0; v < Registers; ++v)
        if (v * lanes * sizeof(*row) % 64 == 0) fetch_ahead(row + v * lanes, shape.block_stride);
      f32 weight[Heads];
      for (std::size_t h = 0; h < Heads; ++h) weight[h] = Backend::set(weights[h * attention_block + p]);
      for (std::size_t v = 0; v < Registers; ++v) {
        const f32 value = load_cached<Backend>(row + v * lanes);
        for (std::size_t h = 0; h < Heads; ++h) sums[h][v] = Backend::fma(weight[h], value, sums[h][v]);
      }
    }
  }
  for (std::size_t h = 0; h < Heads; ++h)
    for (std::size_t v = 0; v < Registers; ++v) Backend::store(totals + h * stride + first + v * lanes, sums[h][v]);
}

/// One block of up to attention_block positions for `Heads` heads.
template <class Backend, class Type, std::size_t Heads>
void attend_block(const float* queries, const std::byte* keys, const std::byte* values, const attention_shape& shape,
                  std::size_t count, softmax_row* rows, float* totals, float* scores) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  constexpr std::size_t wide = std::bit_floor(attention_sums<Backend> / Heads);
  constexpr std::size_t registers = wide * lanes > 64 ? 64 / lanes : wide;
  constexpr std::size_t narrow = registers * lanes > 16 ? 16 / lanes : registers;
  const std::size_t stride = kv_stride(shape.head_dim);
  const block_scales key_scales = scales_of<Backend, Type>(keys, shape.head_dim),
                     value_scales = scales_of<Backend, Type>(values, stride);
  score_block<Backend, Type, Heads>(queries, shape, keys, count, scores);
  float corrections[Heads];
  for (std::size_t h = 0; h < Heads; ++h)
    corrections[h] = weigh_scores<Backend, Type>(scores + h * attention_block, count, shape.scale, key_scales,
                                                 value_scales, rows[h]);
  std::size_t d = 0;
  for (; stride - d >= registers * lanes; d += registers * lanes)
    add_values<Backend, Type, Heads, registers>(scores, values, shape, count, corrections, d, totals);
  if constexpr (narrow != registers)
    for (; d < stride; d += narrow * lanes)
      add_values<Backend, Type, Heads, narrow>(scores, values, shape, count, corrections, d, totals);
}

/// One token.
template <class Backend, class Type>
void attend_token(const float* queries, const std::byte* keys, const std::byte* values, const attention_shape& shape,
                  float* out, float* scratch) noexcept {
  const std::size_t size = shape.head_dim, stride = kv_stride(size);
  float* const scores = scratch;
  float* const totals = scores + 4 * attention_block;
  auto* const rows = reinterpret_cast<softmax_row*>(totals + shape.heads * stride);
  std::memset(totals, 0, shape.heads * stride * sizeof(float));
  for (std::size_t h = 0; h < shape.heads; ++h) rows[h].clear();
  for (std::size_t first = 0; first < shape.positions; first += attention_block) {
    const std::size_t rest = shape.positions - first, count = rest < attention_block ? rest : attention_block;
    std::size_t h = 0;
    const auto block = [&](auto heads) {
      attend_block<Backend, Type, heads>(queries + h * size, keys, values, shape, count, rows + h, totals + h * stride,
                                         scores);
    };
    for (; shape.heads - h >= 4; h += 4) block(std::integral_constant<std::size_t, 4>{});
    if (shape.heads - h == 3) block(std::integral_constant<std::size_t, 3>{});
    if (shape.heads - h == 2) block(std::integral_constant<std::size_t, 2>{});
    if (shape.heads - h == 1) block(std::integral_constant<std::size_t, 1>{});
    keys += shape.block_stride;
    values += shape.block_stride;
  }
  for (std::size_t h = 0; h < shape.heads; ++h)
    divide_by_sum<Backend>(totals + h * stride, rows[h], size, out + h * size);
}

}  // namespace detail

/// See attend_function; the cache is of the type f16, bf16, float or q8_0.
template <simd::backend Backend, class Type>
void attend(const float* queries, const std::byte* keys, const std::byte* values, const attention_shape& shape,
            float* out, float* scratch) noexcept {
  if (shape.tokens == 1) return detail::attend_token<Backend, Type>(queries, keys, values, shape, out, scratch);
  const std::size_t most = attention_tokens(shape.heads);
  attention_shape part = shape;
  for (std::size_t first = 0; first < shape.tokens; first += most) {
    const std::size_t rest = shape.tokens - first, offset = first * shape.token_stride;
    part.tokens = rest < most ? rest : most;
    part.positions = shape.positions + first;
    detail::attend_tile<Backend, Type>(queries + offset, keys, values, part, out + offset, scratch);
  }
}

}  // namespace tulu::kernel
