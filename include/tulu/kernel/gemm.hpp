#pragma once

#include <cstddef>

#include <tulu/kernel/decode.hpp>
#include <tulu/kernel/elementwise.hpp>
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/simd/backend.hpp>

// Products of weights with many tokens, where computing takes the time (Goto and van de Geijn 2008): tokens are packed
// into tiles once, weights are made float32 block by block, and a block of products stays in registers while it is
// summed.
namespace tulu::kernel {

/// Rows of weights that one call of multiply_many takes at most.
inline constexpr std::size_t block_rows = 48;
/// Columns of weights that are made float32 at a time: 48 rows of them lie in the level-2 cache.
inline constexpr std::size_t block_columns = 256;

/// Tokens of one tile.
template <class Backend>
inline constexpr std::size_t tile_tokens = Backend::tile_registers* Backend::lanes;

/// Floats that multiply_many needs to work in.
[[nodiscard]] constexpr std::size_t multiply_scratch(std::size_t tokens, std::size_t tile) noexcept {
  return block_rows * (block_columns + (tokens + tile - 1) / tile * tile);
}

/// Packs up to tile_tokens tokens, rows of x `x_stride` floats apart, as tile[column][token]; absent tokens are zero.
using pack_tokens_function = void (*)(const float* x, std::size_t x_stride, std::size_t tokens, std::size_t columns,
                                      float* tile) noexcept;

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r], for up to block_rows rows. `tiles` are those of
/// pack_tokens, one after the other; `scratch` has multiply_scratch floats. Each sum runs over k in order.
using multiply_many_function = void (*)(const std::byte* weights, std::size_t rows, std::size_t columns,
                                        const float* tiles, std::size_t tokens, float* y, std::size_t y_stride,
                                        bool add, float* scratch) noexcept;

/// See pack_tokens_function.
template <simd::backend Backend>
void pack_tokens(const float* x, std::size_t x_stride, std::size_t tokens, std::size_t columns, float* tile) noexcept {
  constexpr std::size_t width = tile_tokens<Backend>;
  constexpr std::size_t depth = 16;
  for (std::size_t first = 0; first < columns; first += depth) {
    const std::size_t last = first + depth < columns ? first + depth : columns;
    for (std::size_t t = 0; t < width; ++t)
      for (std::size_t k = first; k < last; ++k) tile[k * width + t] = t < tokens ? x[t * x_stride + k] : 0.0f;
  }
}

namespace detail {

/// Whether a backend brings its own product of blocks, see simd::eigen_over.
template <class Backend>
inline constexpr bool has_multiply = requires(const float* in, float* out) {
  Backend::multiply(in, std::size_t{}, std::size_t{}, in, std::size_t{}, std::size_t{}, std::size_t{}, out, true);
};

/// `count` weights from the one with index `first` on, as floats.
template <class Backend, class Weight>
void widen(const Weight* stored, std::size_t first, float* out, std::size_t count) noexcept {
  if constexpr (block_scalar<Weight>) {
    decode<Backend>(stored + first / Weight::block, out, count);
  } else {
    convert<Backend>(stored + first, out, count);
  }
}

/// out[r][t] = Σ_k w[r][k] × tile[k][t], added to what is there unless `first`. Rows of w are block_columns apart, the
/// outer loops of a fixed length so that all sums stay in registers.
template <class Backend>
void multiply_tile(const float* w, const float* tile, std::size_t columns, float* out, bool first) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t rows = Backend::tile_rows, registers = Backend::tile_registers, lanes = Backend::lanes;
  constexpr std::size_t width = tile_tokens<Backend>;
  f32 sums[rows][registers];
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < registers; ++v)
      sums[r][v] = first ? Backend::set(0) : Backend::load(out + r * width + v * lanes);
  for (std::size_t k = 0; k < columns; ++k) {
    f32 tokens[registers];
    for (std::size_t v = 0; v < registers; ++v) tokens[v] = Backend::load(tile + k * width + v * lanes);
    for (std::size_t r = 0; r < rows; ++r) {
      const f32 weight = Backend::set(w[r * block_columns + k]);
      for (std::size_t v = 0; v < registers; ++v) sums[r][v] = Backend::fma(weight, tokens[v], sums[r][v]);
    }
  }
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < registers; ++v) Backend::store(out + r * width + v * lanes, sums[r][v]);
}

}  // namespace detail

/// See multiply_many_function; `weights` are elements, or blocks, of type Weight.
template <simd::backend Backend, class Weight>
void multiply_many(const std::byte* weights, std::size_t rows, std::size_t columns, const float* tiles,
                   std::size_t tokens, float* y, std::size_t y_stride, bool add, float* scratch) noexcept {
  constexpr std::size_t width = tile_tokens<Backend>;
  static_assert(block_rows % Backend::tile_rows == 0);
  const auto* const stored = reinterpret_cast<const Weight*>(weights);
  float* const block = scratch;
  float* const products = scratch + block_rows * block_columns;
  for (std::size_t first = 0; first < columns; first += block_columns) {
    const std::size_t count = columns - first < block_columns ? columns - first : block_columns;
    for (std::size_t r = 0; r < rows; ++r)
      detail::widen<Backend>(stored, r * columns + first, block + r * block_columns, count);
    for (std::size_t t = 0; t < tokens; t += width) {
      const float* const tile = tiles + t * columns + first * width;
      float* const product = products + t * block_rows;
      if constexpr (detail::has_multiply<Backend>) {
        const std::size_t present = tokens - t < width ? tokens - t : width;
        Backend::multiply(block, block_columns, rows, tile, width, count, present, product, first != 0);
      } else {
        for (std::size_t r = 0; r < rows; r += Backend::tile_rows)
          detail::multiply_tile<Backend>(block + r * block_columns, tile, count, product + r * width, first == 0);
      }
    }
  }
  for (std::size_t t = 0; t < tokens; ++t) {
    const float* const column = products + t / width * width * block_rows + t % width;
    float* const out = y + t * y_stride;
    for (std::size_t r = 0; r < rows; ++r) out[r] = add ? out[r] + column[r * width] : column[r * width];
  }
}

}  // namespace tulu::kernel
