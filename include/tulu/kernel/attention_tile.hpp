#pragma once

#include <cstddef>
#include <cstring>

#include <tulu/kernel/attention_softmax.hpp>
#include <tulu/kernel/kv_panels.hpp>
#include <tulu/simd/backend.hpp>

// Attention of many tokens, where computing takes the time (Dao et al. 2022): blocks of keys and values are made
// float32 once for a tile of rows, a row being one query head of one token, and products stay in registers.
namespace tulu::kernel {

/// Query heads that share a key-value head, of tokens that follow each other, and the positions they see.
struct attention_shape {
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  std::size_t positions = 0;  ///< that the first token sees, at least one; each next token one more
  float scale = 1;            ///< of the scores
  std::size_t tokens = 1;
  std::size_t token_stride = 0;  ///< floats from a token's queries, and its results, to the next one's
  std::size_t block_stride = 0;  ///< bytes from a block of keys, and of values, to the next
};

/// Rows of a tile, unless one token has more heads. A multiple of what the kernels compute at a time.
inline constexpr std::size_t attention_rows = 60;

/// Tokens of a tile.
[[nodiscard]] constexpr std::size_t attention_tokens(std::size_t heads) noexcept {
  return heads < attention_rows ? attention_rows / heads : 1;
}

namespace detail {

/// Rows × registers of products that are summed at a time.
template <class Backend>
inline constexpr std::size_t product_rows = Backend::lanes == 1                                ? 4
                                            : Backend::registers == 32 && Backend::lanes == 16 ? 12
                                                                                               : 6;
template <class Backend>
inline constexpr std::size_t product_registers = Backend::lanes == 1 ||
                                                         (Backend::registers == 32 && Backend::lanes == 4)
                                                     ? 4
                                                     : 2;

inline constexpr std::size_t most_product_rows = 12;

[[nodiscard]] constexpr std::size_t padded_rows(std::size_t rows) noexcept {
  return (rows + most_product_rows - 1) / most_product_rows * most_product_rows;
}

template <class Backend, class Type>
[[nodiscard]] block_scales scales_of([[maybe_unused]] const std::byte* panels,
                                     [[maybe_unused]] std::size_t width) noexcept {
  if constexpr (has_scales<Type>)
    return {reinterpret_cast<const std::byte*>(kv_scales(panels, width)), kv_panel_size<Type>(width)};
  return {};
}

/// out[r][c] = factors[r] × out[r][c] + Σ_k a(r, k) × b[k][c], in order of k, for product_rows rows and `Registers`
/// registers of columns; a(r, k) is a[r × RowStep + k × DepthStep], and without factors the sum starts at zero.
template <class Backend, std::size_t Registers, std::size_t RowStep, std::size_t DepthStep>
void multiply_rows(const float* a, const float* b, std::size_t b_stride, std::size_t depth, const float* factors,
                   float* out, std::size_t out_stride) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t rows = product_rows<Backend>, lanes = Backend::lanes;
  f32 sums[rows][Registers];
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < Registers; ++v)
      sums[r][v] = factors == nullptr
                       ? Backend::set(0)
                       : Backend::mul(Backend::load(out + r * out_stride + v * lanes), Backend::set(factors[r]));
  for (std::size_t k = 0; k < depth; ++k) {
    f32 columns[Registers];
    for (std::size_t v = 0; v < Registers; ++v) columns[v] = Backend::load(b + k * b_stride + v * lanes);
    for (std::size_t r = 0; r < rows; ++r) {
      const f32 factor = Backend::set(a[r * RowStep + k * DepthStep]);
      for (std::size_t v = 0; v < Registers; ++v) sums[r][v] = Backend::fma(factor, columns[v], sums[r][v]);
    }
  }
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < Registers; ++v) Backend::store(out + r * out_stride + v * lanes, sums[r][v]);
}

/// multiply_rows for `columns` columns, a multiple of 16.
template <class Backend, std::size_t RowStep, std::size_t DepthStep>
void multiply_columns(const float* a, const float* b, std::size_t b_stride, std::size_t depth, std::size_t columns,
                      const float* factors, float* out, std::size_t out_stride) noexcept {
  constexpr std::size_t registers = product_registers<Backend>, width = registers * Backend::lanes;
  std::size_t c = 0;
  for (; columns - c >= width; c += width)
    multiply_rows<Backend, registers, RowStep, DepthStep>(a, b + c, b_stride, depth, factors, out + c, out_stride);
  if constexpr (width > 16) {
    if (c < columns)
      multiply_rows<Backend, 16 / Backend::lanes, RowStep, DepthStep>(a, b + c, b_stride, depth, factors, out + c,
                                                                      out_stride);
  }
}

/// The keys of a block's panels as floats, out[d][attention_block].
template <class Backend, class Type>
void widen_keys(const std::byte* keys, std::size_t head_dim, std::size_t count, float* out) noexcept {
  for (std::size_t p = 0; p < count; p += panel_positions, keys += kv_panel_size<Type>(head_dim)) {
    const auto* const panel = reinterpret_cast<const cached<Type>*>(keys);
    for (std::size_t d = 0; d < head_dim; ++d)
      for (std::size_t i = 0; i < panel_positions; i += Backend::lanes)
        Backend::store(out + d * attention_block + p + i, load_cached<Backend>(panel + d * panel_positions + i));
  }
}

/// The values of a block's positions as floats, out[p][stride].
template <class Backend, class Type>
void widen_values(const std::byte* values, std::size_t stride, std::size_t count, float* out) noexcept {
  for (std::size_t p = 0; p < count; p += panel_positions, values += kv_panel_size<Type>(stride)) {
    const std::size_t rest = count - p, rows = rest < panel_positions ? rest : panel_positions;
    const auto* const panel = reinterpret_cast<const cached<Type>*>(values);
    for (std::size_t i = 0; i < rows * stride; i += Backend::lanes)
      Backend::store(out + p * stride + i, load_cached<Backend>(panel + i));
  }
}

/// The memory that a tile is worked on in.
struct attention_tile {
  float *keys, *values, *scores, *totals, *queries;
  softmax_row* rows;

  attention_tile(float* scratch, const attention_shape& shape) noexcept
      : keys{scratch},
        values{keys + attention_block * kv_stride(shape.head_dim)},
        scores{values + attention_block * kv_stride(shape.head_dim)},
        totals{scores + most_product_rows * attention_block},
        queries{totals + padded_rows(shape.tokens * shape.heads) * kv_stride(shape.head_dim)},
        rows{reinterpret_cast<softmax_row*>(queries +
                                            padded_rows(shape.tokens * shape.heads) * kv_stride(shape.head_dim))} {}
};

/// Rows product_rows at a time as [head_dim][product_rows], absent ones zero.
template <class Backend>
void pack_queries(const float* queries, const attention_shape& shape, float* out) noexcept {
  constexpr std::size_t group = product_rows<Backend>;
  const std::size_t size = shape.head_dim, count = shape.tokens * shape.heads;
  for (std::size_t row = 0; row < padded_rows(count); ++row) {
    float* const to = out + row / group * group * size + row % group;
    const float* const from = queries + row / shape.heads * shape.token_stride + row % shape.heads * size;
    for (std::size_t d = 0; d < size; ++d) to[d * group] = row < count ? from[d] : 0.0f;
  }
}

/// The rows from `first_row` on, product_rows of them, with the block that begins at position `first` and is in
/// tile.keys and tile.values.
template <class Backend, class Type>
void attend_rows(const attention_shape& shape, std::size_t first_row, std::size_t first, const block_scales& key_scales,
                 const block_scales& value_scales, const attention_tile& tile) noexcept {
  constexpr std::size_t group = product_rows<Backend>;
  const std::size_t size = shape.head_dim, stride = kv_stride(size), all = shape.tokens * shape.heads;
  const std::size_t rows = all - first_row < group ? all - first_row : group;
  const auto seen = [&](std::size_t row) -> std::size_t {
    const std::size_t end = shape.positions + row / shape.heads;
    return end <= first ? 0 : end - first < attention_block ? end - first : attention_block;
  };
  const std::size_t count = seen(first_row + rows - 1);
  if (count == 0) return;
  multiply_columns<Backend, 1, group>(tile.queries + first_row * size, tile.keys, attention_block, size,
                                      (count + panel_positions - 1) / panel_positions * panel_positions, nullptr,
                                      tile.scores, attention_block);
  float corrections[group] = {};
  for (std::size_t r = 0; r < rows; ++r)
    corrections[r] = weigh_scores<Backend, Type>(tile.scores + r * attention_block, seen(first_row + r), shape.scale,
                                                 key_scales, value_scales, tile.rows[first_row + r]);
  multiply_columns<Backend, attention_block, 1>(tile.scores, tile.values, stride, count, stride, corrections,
                                                tile.totals + first_row * stride, stride);
}

/// Up to attention_tokens tokens.
template <class Backend, class Type>
void attend_tile(const float* queries, const std::byte* keys, const std::byte* values, const attention_shape& shape,
                 float* out, float* scratch) noexcept {
  const std::size_t size = shape.head_dim, stride = kv_stride(size), rows = shape.tokens * shape.heads;
  const attention_tile tile{scratch, shape};
  pack_queries<Backend>(queries, shape, tile.queries);
  std::memset(tile.totals, 0, padded_rows(rows) * stride * sizeof(float));
  for (std::size_t row = 0; row < rows; ++row) tile.rows[row].clear();
  const std::size_t end = shape.positions + shape.tokens - 1;
  for (std::size_t first = 0; first < end; first += attention_block) {
    const std::size_t count = end - first < attention_block ? end - first : attention_block;
    widen_keys<Backend, Type>(keys, size, count, tile.keys);
    widen_values<Backend, Type>(values, stride, count, tile.values);
    for (std::size_t row = 0; row < rows; row += product_rows<Backend>)
      attend_rows<Backend, Type>(shape, row, first, scales_of<Backend, Type>(keys, size),
                                 scales_of<Backend, Type>(values, stride), tile);
    keys += shape.block_stride;
    values += shape.block_stride;
  }
  for (std::size_t row = 0; row < rows; ++row)
    divide_by_sum<Backend>(tile.totals + row * stride, tile.rows[row], size,
                           out + row / shape.heads * shape.token_stride + row % shape.heads * size);
}

}  // namespace detail

/// Floats that attend needs to work in.
[[nodiscard]] constexpr std::size_t attention_scratch(std::size_t heads, std::size_t head_dim) noexcept {
  const std::size_t rows = detail::padded_rows(attention_tokens(heads) * heads), stride = kv_stride(head_dim);
  return 2 * attention_block * stride + detail::most_product_rows * attention_block + 2 * rows * stride +
         rows * (sizeof(detail::softmax_row) / sizeof(float));
}

}  // namespace tulu::kernel
