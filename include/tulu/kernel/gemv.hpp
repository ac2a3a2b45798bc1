#pragma once

#include <array>
#include <cstddef>
#include <cstring>

#include <tulu/kernel/decode.hpp>
#include <tulu/kernel/fetch_ahead.hpp>
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/simd/backend.hpp>

// Products of weights with few tokens, where reading the weights is what takes the time: rows are read as they lie in
// the file, each once for up to four tokens.
namespace tulu::kernel {

/// Tokens for which multiply_few gives the same bits however many there are.
inline constexpr std::size_t few_tokens = 8;

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r]. Rows of weights lie one after the other; those of x
/// and y `x_stride` and `y_stride` floats apart.
using multiply_few_function = void (*)(const std::byte* weights, std::size_t rows, std::size_t columns, const float* x,
                                       std::size_t x_stride, std::size_t tokens, float* y, std::size_t y_stride,
                                       bool add) noexcept;

namespace detail {

/// The products of `Rows` rows with `Tokens` tokens. Each sum runs over two registers, whatever Rows and Tokens are, so
/// its bits do not depend on them.
template <class Backend, class Weight, std::size_t Rows, std::size_t Tokens>
struct dot_block {
  using f32 = typename Backend::f32;
  static constexpr std::size_t width = 2 * Backend::lanes;  ///< elements of a step
  /// How far ahead weights are fetched whose widening leaves the processor too little room to do so itself, a line of
  /// each row a round.
  static constexpr std::size_t ahead = sizeof(Weight) == 2 ? 48 << 10 : 0;
  static constexpr std::size_t round = width < 32 ? 32 : width;
  struct two {
    f32 first, second;
  };
  using sums = std::array<std::array<two, Tokens>, Rows>;

  [[nodiscard]] static two load_token(const float* x) noexcept {
    two token{Backend::load(x), Backend::load(x + Backend::lanes)};
    Backend::template arrange<Weight>(token.first, token.second);
    return token;
  }
  [[nodiscard]] static two load_weights(const Weight* weights) noexcept {
    two row{Backend::set(0), Backend::set(0)};
    Backend::load_two(weights, row.first, row.second);
    return row;
  }
  static void add(two& total, const two& a, const two& b) noexcept {
    total.first = Backend::fma(a.first, b.first, total.first);
    total.second = Backend::fma(a.second, b.second, total.second);
  }

  /// One step: the elements at `x + t × x_stride` and `weights + r × columns`.
  static void step(sums& total, const Weight* weights, std::size_t columns, const float* x,
                   std::size_t x_stride) noexcept {
    if constexpr (Rows >= Tokens) {
      std::array<two, Tokens> tokens;
      for (std::size_t t = 0; t < Tokens; ++t) tokens[t] = load_token(x + t * x_stride);
      for (std::size_t r = 0; r < Rows; ++r) {
        const two row = load_weights(weights + r * columns);
        for (std::size_t t = 0; t < Tokens; ++t) add(total[r][t], row, tokens[t]);
      }
    } else {
      std::array<two, Rows> rows;
      for (std::size_t r = 0; r < Rows; ++r) rows[r] = load_weights(weights + r * columns);
      for (std::size_t t = 0; t < Tokens; ++t) {
        const two token = load_token(x + t * x_stride);
        for (std::size_t r = 0; r < Rows; ++r) add(total[r][t], rows[r], token);
      }
    }
  }

  /// The last `count` columns, fewer than a step has, with zeros behind them.
  static void last_step(sums& total, const Weight* weights, std::size_t columns, const float* x, std::size_t x_stride,
                        std::size_t count) noexcept {
    Weight rows[Rows * width] = {};
    float tokens[Tokens * width] = {};
    for (std::size_t r = 0; r < Rows; ++r) std::memcpy(rows + r * width, weights + r * columns, count * sizeof(Weight));
    for (std::size_t t = 0; t < Tokens; ++t) std::memcpy(tokens + t * width, x + t * x_stride, count * sizeof(float));
    step(total, rows, width, tokens, width);
  }

  static void apply(const Weight* weights, std::size_t columns, const float* x, std::size_t x_stride, float* y,
                    std::size_t y_stride, bool add_to_y) noexcept {
    sums total;
    for (auto& row : total) row.fill({Backend::set(0), Backend::set(0)});
    std::size_t k = 0;
    if constexpr (ahead != 0)
      for (; columns - k >= round; k += round) {
        for (std::size_t r = 0; r < Rows; ++r) fetch_ahead(weights + r * columns + k, ahead);
        for (std::size_t i = 0; i < round; i += width) step(total, weights + k + i, columns, x + k + i, x_stride);
      }
    for (; columns - k >= width; k += width) step(total, weights + k, columns, x + k, x_stride);
    if (k != columns) last_step(total, weights + k, columns, x + k, x_stride, columns - k);
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t t = 0; t < Tokens; ++t) {
        const float value = Backend::sum(Backend::add(total[r][t].first, total[r][t].second));
        float& out = y[t * y_stride + r];
        out = add_to_y ? out + value : value;
      }
  }
};

template <class Backend, class Weight, std::size_t Rows, std::size_t Tokens>
void multiply_rows(const Weight* weights, std::size_t rows, std::size_t columns, const float* x, std::size_t x_stride,
                   float* y, std::size_t y_stride, bool add) noexcept {
  std::size_t r = 0;
  for (; rows - r >= Rows; r += Rows)
    dot_block<Backend, Weight, Rows, Tokens>::apply(weights + r * columns, columns, x, x_stride, y + r, y_stride, add);
  for (; r < rows; ++r)
    dot_block<Backend, Weight, 1, Tokens>::apply(weights + r * columns, columns, x, x_stride, y + r, y_stride, add);
}

}  // namespace detail

/// See multiply_few_function; `weights` are elements of type Weight.
template <simd::backend Backend, weight_scalar Weight>
void multiply_few(const std::byte* weights, std::size_t rows, std::size_t columns, const float* x, std::size_t x_stride,
                  std::size_t tokens, float* y, std::size_t y_stride, bool add) noexcept {
  const auto* const w = reinterpret_cast<const Weight*>(weights);
  for (; tokens >= 4; tokens -= 4, x += 4 * x_stride, y += 4 * y_stride)
    detail::multiply_rows<Backend, Weight, 1, 4>(w, rows, columns, x, x_stride, y, y_stride, add);
  if (tokens == 3) detail::multiply_rows<Backend, Weight, 1, 3>(w, rows, columns, x, x_stride, y, y_stride, add);
  if (tokens == 2) detail::multiply_rows<Backend, Weight, 2, 2>(w, rows, columns, x, x_stride, y, y_stride, add);
  if (tokens == 1) detail::multiply_rows<Backend, Weight, 4, 1>(w, rows, columns, x, x_stride, y, y_stride, add);
}

namespace detail {

/// Weights that are made floats at a time: whole blocks of every type.
inline constexpr std::size_t stretch = 256;

/// Adds the products of `count` floats of one row with `Tokens` tokens to the sums from `total` on.
template <class Backend, std::size_t Tokens>
void add_stretch(const float* row, std::size_t count, const float* x, std::size_t x_stride,
                 typename dot_block<Backend, float, 1, 1>::two* total) noexcept {
  using block = dot_block<Backend, float, 1, Tokens>;
  typename block::sums sums;
  for (std::size_t t = 0; t < Tokens; ++t) sums[0][t] = {total[t].first, total[t].second};
  for (std::size_t k = 0; k < count; k += block::width) block::step(sums, row + k, 0, x + k, x_stride);
  for (std::size_t t = 0; t < Tokens; ++t) total[t] = {sums[0][t].first, sums[0][t].second};
}

}  // namespace detail

/// The same for weights that lie in blocks: each stretch of a row is decoded once for up to few_tokens tokens.
template <simd::backend Backend, block_scalar Weight>
void multiply_few(const std::byte* weights, std::size_t rows, std::size_t columns, const float* x, std::size_t x_stride,
                  std::size_t tokens, float* y, std::size_t y_stride, bool add) noexcept {
  using sums = typename detail::dot_block<Backend, float, 1, 1>::two;
  static_assert(Weight::block % detail::dot_block<Backend, float, 1, 1>::width == 0);
  const auto* row = reinterpret_cast<const Weight*>(weights);
  float floats[detail::stretch];
  for (std::size_t r = 0; r < rows; ++r, row += columns / Weight::block) {
    sums total[few_tokens];
    for (sums& each : total) each = {Backend::set(0), Backend::set(0)};
    for (std::size_t first = 0; first < columns; first += detail::stretch) {
      const std::size_t count = columns - first < detail::stretch ? columns - first : detail::stretch;
      decode<Backend>(row + first / Weight::block, floats, count);
      std::size_t t = 0;
      for (; tokens - t >= 4; t += 4)
        detail::add_stretch<Backend, 4>(floats, count, x + t * x_stride + first, x_stride, total + t);
      for (; t < tokens; ++t)
        detail::add_stretch<Backend, 1>(floats, count, x + t * x_stride + first, x_stride, total + t);
    }
    for (std::size_t t = 0; t < tokens; ++t) {
      const float value = Backend::sum(Backend::add(total[t].first, total[t].second));
      float& out = y[t * y_stride + r];
      out = add ? out + value : value;
    }
  }
}

}  // namespace tulu::kernel
