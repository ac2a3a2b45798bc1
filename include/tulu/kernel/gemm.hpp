#pragma once

#include <cstddef>
#include <type_traits>

#include <tulu/kernel/decode.hpp>
#include <tulu/kernel/elementwise.hpp>
#include <tulu/kernel/product_scalar.hpp>
#include <tulu/kernel/unroll.hpp>
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/simd/backend.hpp>

// Products of weights in rows with many tokens, where computing takes the time (Goto and van de Geijn 2008): tokens are
// packed into tiles once, weights are copied block by block as what products are computed in, and a block of products
// stays in registers while it is summed.
namespace tulu::kernel {

/// Rows of weights that one call of multiply_many takes at most: tokens, which lie in the level-3 cache, are read once
/// for all of them. With tiles comes a level-2 cache of 2 MiB, and a need of it.
template <class Backend>
inline constexpr std::size_t block_rows = detail::has_tiles<Backend> ? 192 : 48;
/// Columns of weights that are copied at a time: a block of them lies in the level-2 cache.
inline constexpr std::size_t block_columns = 256;
/// How many rows ahead of the one that is copied weights are fetched.
inline constexpr std::size_t rows_ahead = 4;

/// Tokens of one tile.
template <class Backend>
inline constexpr std::size_t tile_tokens = Backend::tile_registers* Backend::lanes;

/// Floats that multiply_many needs to work in, with `rows` at most and tiles of `tile` tokens.
[[nodiscard]] constexpr std::size_t multiply_scratch(std::size_t rows, std::size_t tokens, std::size_t tile) noexcept {
  return rows * (block_columns + (tokens + tile - 1) / tile * tile);
}

/// Packs up to tile_tokens tokens, rows of x `x_stride` floats apart, as tile[column / step][token][step] with the step
/// of products of the type; absent tokens and columns up to packed_columns are zero.
using pack_tokens_function = void (*)(const float* x, std::size_t x_stride, std::size_t tokens, std::size_t columns,
                                      std::byte* tile) noexcept;

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r], for up to block_rows rows. `tiles` are those of
/// pack_tokens for the product_scalar of the weights, one after the other; `scratch` has multiply_scratch floats. Each
/// sum runs over k in order.
using multiply_many_function = void (*)(const std::byte* weights, std::size_t rows, std::size_t columns,
                                        const std::byte* tiles, std::size_t tokens, float* y, std::size_t y_stride,
                                        bool add, float* scratch) noexcept;

/// See pack_tokens_function.
template <simd::backend Backend, class Scalar>
void pack_tokens(const float* x, std::size_t x_stride, std::size_t tokens, std::size_t columns,
                 std::byte* tile) noexcept {
  constexpr std::size_t width = tile_tokens<Backend>, depth = 16, step = detail::product_step<Scalar>;
  auto* const out = reinterpret_cast<Scalar*>(tile);
  for (std::size_t first = 0; first < packed_columns(columns); first += depth) {
    const std::size_t present = first >= columns ? 0 : columns - first < depth ? columns - first : depth;
    for (std::size_t t = 0; t < width; ++t) {
      Scalar some[depth] = {};
      if (t < tokens) convert<Backend>(x + t * x_stride + first, some, present);
      for (std::size_t k = 0; k < depth; ++k) out[((first + k) / step * width + t) * step + k % step] = some[k];
    }
  }
}

namespace detail {

/// `count` weights from the one with index `first` on, as Scalar.
template <class Backend, class Weight, class Scalar>
void widen(const Weight* stored, std::size_t first, Scalar* out, std::size_t count) noexcept {
  if constexpr (block_scalar<Weight>) {
    decode<Backend>(stored + first / Weight::block, out, count);
  } else {
    convert<Backend>(stored + first, out, count);
  }
}

/// Fetches `count` weights from the one with index `first` on.
template <class Backend, class Weight>
void fetch(const Weight* stored, std::size_t first, std::size_t count) noexcept {
  constexpr std::size_t of_one = [] {
    if constexpr (block_scalar<Weight>) return Weight::block;
    return std::size_t{1};
  }();
  const auto* const from = reinterpret_cast<const std::byte*>(stored + first / of_one);
  for (std::size_t i = 0; i < count / of_one * sizeof(Weight); i += 64) __builtin_prefetch(from + i);
}

/// out[r][t] = Σ_k w[r][k] × tile[k][t], added to what is there unless `first`. Rows of w are block_columns apart.
/// Meanwhile elements from `next` on are fetched, about tile_rows / block_rows as many as the tile has, for processors
/// do not foresee where the next tile lies. Returns where to go on with that.
template <class Backend, class Scalar, std::size_t registers>
const Scalar* multiply_tile(const Scalar* w, const Scalar* tile, const Scalar* next, std::size_t columns, float* out,
                            bool first) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t rows = Backend::tile_rows, lanes = Backend::lanes;
  constexpr std::size_t width = tile_tokens<Backend>, step = product_step<Scalar>;
  // Without a fused multiply-add g++ computes the products of all steps of a round before their sums.
  constexpr std::size_t steps = lanes >= 8 ? 4 : 1, share = steps * step * width * rows / block_rows<Backend>;
  static_assert(packed_columns(1) % (steps * step) == 0);
  f32 sums[rows][registers];
  const auto each = [](auto&& body) { unroll<rows>([&](auto r) { unroll<registers>([&](auto v) { body(r, v); }); }); };
  if (first) {
    each([&](auto r, auto v) { sums[r][v] = Backend::set(0); });
  } else {
    each([&](auto r, auto v) { sums[r][v] = Backend::load(out + r * width + v * lanes); });
  }
  using products = products_of<Backend, Scalar>;
  for (std::size_t k = 0; k < columns; k += steps * step, next += share) {
    for (std::size_t i = 0; i < share; i += 64 / sizeof(Scalar)) __builtin_prefetch(next + i);
    unroll<steps>([&](auto i) {
      const std::size_t at = k + i * step;
      typename products::operand tokens[registers];
      unroll<registers>([&](auto v) { tokens[v] = products::load(tile + at * width + v * lanes * step); });
      unroll<rows>([&](auto r) {
        const auto weight = products::broadcast(w + r * block_columns + at);
        unroll<registers>([&](auto v) { sums[r][v] = products::add(weight, tokens[v], sums[r][v]); });
      });
    });
  }
  each([&](auto r, auto v) { Backend::store(out + r * width + v * lanes, sums[r][v]); });
  return next;
}

/// multiply_tile for all rows of a block, whose columns are padded with zeros to whole steps, and the first `tokens` of
/// the tile.
template <class Backend, class Scalar>
void multiply_block(const Scalar* block, std::size_t rows, const Scalar* tile, const Scalar* next, std::size_t tokens,
                    std::size_t columns, float* product, bool first) noexcept {
  constexpr std::size_t width = tile_tokens<Backend>;
  if constexpr (in_tiles<Backend, Scalar>) {
    const auto multiply = [&](auto count, std::size_t r) {
      next = Backend::tiles::template multiply<count, width>(block + r * block_columns, 16 * block_columns, tile, 32,
                                                             (tokens + 15) / 16, columns, product + r * width, width,
                                                             !first, next);
    };
    std::size_t r = 0;
    for (; r + 16 < rows; r += 32) multiply(std::integral_constant<std::size_t, 32>{}, r);
    if (r < rows) multiply(std::integral_constant<std::size_t, 16>{}, r);
  } else {
    for (std::size_t r = 0; r < rows; r += Backend::tile_rows) {
      const auto multiply = tokens <= Backend::lanes ? multiply_tile<Backend, Scalar, 1>
                                                     : multiply_tile<Backend, Scalar, Backend::tile_registers>;
      next = multiply(block + r * block_columns, tile, next, columns, product + r * width, first);
    }
  }
}

}  // namespace detail

/// See multiply_many_function; `weights` are elements, or blocks, of type Weight.
template <simd::backend Backend, class Weight>
void multiply_many(const std::byte* weights, std::size_t rows, std::size_t columns, const std::byte* tiles,
                   std::size_t tokens, float* y, std::size_t y_stride, bool add, float* scratch) noexcept {
  using scalar = product_scalar<Backend, Weight>;
  constexpr std::size_t width = tile_tokens<Backend>;
  constexpr std::size_t most = block_rows<Backend>;
  static_assert(most % Backend::tile_rows == 0);
  constexpr bool in_tiles = detail::in_tiles<Backend, scalar>;
  constexpr std::size_t step = in_tiles ? 32 : block_columns;
  if constexpr (in_tiles) Backend::tiles::configure();
  const auto* const stored = reinterpret_cast<const Weight*>(weights);
  auto* const block = reinterpret_cast<scalar*>(scratch);
  float* const products = scratch + most * block_columns;
  for (std::size_t first = 0; first < columns; first += block_columns) {
    const std::size_t count = columns - first < block_columns ? columns - first : block_columns;
    const std::size_t padded = packed_columns(count);
    for (std::size_t r = 0; r < rows; ++r) {
      if (r + rows_ahead < rows) detail::fetch<Backend>(stored, (r + rows_ahead) * columns + first, count);
      scalar* to = in_tiles ? block + r / 16 * 16 * block_columns + r % 16 * step : block + r * block_columns;
      for (std::size_t k = 0; k < count; k += step, to += 16 * step) {
        const std::size_t from = r * columns + first + k;
        if (count - k >= step) {
          detail::widen<Backend>(stored, from, to, step);
        } else {
          detail::widen<Backend>(stored, from, to, count - k);
          for (std::size_t i = count - k; k + i < padded; ++i) to[i] = scalar{};
        }
      }
    }
    for (std::size_t t = 0; t < tokens; t += width) {
      const auto* const tile = reinterpret_cast<const scalar*>(tiles) + t * packed_columns(columns) + first * width;
      float* const product = products + t * most;
      const std::size_t present = tokens - t < width ? tokens - t : width;
      if constexpr (detail::has_multiply<Backend>) {
        Backend::multiply(block, block_columns, rows, tile, width, count, present, product, first != 0);
      } else {
        // Behind the last tile it does no harm to fetch the same again.
        const auto* const next = tokens - t > width ? tile + width * packed_columns(columns) : tile;
        detail::multiply_block<Backend>(block, rows, tile, next, present, padded, product, first == 0);
      }
    }
  }
  if constexpr (in_tiles) {
    Backend::tiles::release();
    for (std::size_t t = 0; t < tokens; t += 16)
      for (std::size_t r = 0; r < rows; r += 16)
        Backend::tiles::store_transposed(products + t / width * width * most + r * width + t % width, width, rows - r,
                                         tokens - t, y + t * y_stride + r, y_stride, add);
    return;
  }
  for (std::size_t t = 0; t < tokens; ++t) {
    const float* const column = products + t / width * width * most + t % width;
    float* const out = y + t * y_stride;
    for (std::size_t r = 0; r < rows; ++r) out[r] = add ? out[r] + column[r * width] : column[r * width];
  }
}

}  // namespace tulu::kernel
