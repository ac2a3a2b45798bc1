#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tulu/kernel/mean_square.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// 32 activations as whole numbers of 15 bits: activation i is scale × whole[i], with an error of at most half of
/// 1 / 16256 of the largest magnitude among them, or, unless `fine`, of 1 / 127. How the whole numbers lie is known to
/// the kernels that the function which made them, group_tokens or pack_many, is for.
struct token_group {
  static constexpr std::size_t size = 32;
  static constexpr std::int32_t largest = 127 * 128;  ///< of the whole numbers
  /// In bytes, those groups are `fine` that have an activation of more than so many times the root mean square of all
  /// activations of the token. It is outliers whose rounding shows in a model's perplexity.
  static constexpr float coarse_limit = 5;
  std::int8_t whole[2 * size];
  float scale;
  float total;           ///< the sum of the activations: scale × (sums[0] + sums[1])
  std::int32_t sums[2];  ///< of the whole numbers of each half
  std::uint32_t fine;    ///< or 0: the whole numbers are multiples of 128
};

/// Rounds the `columns` activations of a token, a multiple of 32, to groups. NaN and infinite ones give whole numbers
/// of 0 and a scale of NaN.
using group_tokens_function = void (*)(const float* x, std::size_t columns, token_group* out) noexcept;

namespace detail {

/// The order of bytes: all high ones, then all low ones; a whole number is 128 × high + low.
template <class Backend>
void store_high_and_low(const std::int32_t* whole, std::int8_t* out) noexcept {
  for (std::size_t i = 0; i < token_group::size; ++i) {
    const std::int32_t high = (whole[i] + 64) >> 7;
    out[i] = static_cast<std::int8_t>(high);
    out[token_group::size + i] = static_cast<std::int8_t>(whole[i] - high * 128);
  }
}

/// The order of dot_words: of each four the even ones, then the odd ones.
template <class Backend>
void store_words(const std::int32_t* whole, std::int8_t* out) noexcept {
  std::int16_t words[token_group::size];
  for (std::size_t i = 0; i < token_group::size; ++i)
    words[i / 4 * 4 + i % 2 * 2 + i % 4 / 2] = static_cast<std::int16_t>(whole[i]);
  std::memcpy(out, words, sizeof words);
}

/// The square of an activation that makes its group `fine`; with words all groups are.
template <class Backend, bool Words>
[[nodiscard]] float coarse_square(const float* token, std::size_t columns) noexcept {
  if constexpr (Words) return -1;
  return token_group::coarse_limit * token_group::coarse_limit * mean_square<Backend>(token, columns);
}

/// See group_tokens_function; whole numbers in words or in bytes. Groups with no activation whose square is above
/// `coarse` are rounded to multiples of 128.
template <class Backend, bool Words>
void round_tokens(const float* x, std::size_t columns, token_group* out, float coarse) noexcept {
  constexpr std::size_t lanes = Backend::lanes, size = token_group::size;
  const auto zero = Backend::set(0);
  for (std::size_t first = 0; first < columns; first += size, ++out) {
    auto magnitude = zero, poison = zero;  // 0, or NaN
    for (std::size_t i = 0; i < size; i += lanes) {
      const auto value = Backend::load(x + first + i);
      magnitude = Backend::max(magnitude, Backend::max(value, Backend::sub(zero, value)));
      poison = Backend::fma(value, zero, poison);
    }
    float magnitudes[lanes], most = 0;
    Backend::store(magnitudes, magnitude);
    for (const float each : magnitudes) most = most < each ? each : most;
    out->fine = most * most > coarse ? 1 : 0;
    out->scale = most / static_cast<float>(token_group::largest) + Backend::sum(poison);
    const std::int32_t unit = out->fine != 0 ? 1 : 128;
    const float inverse = most > 1e-30f ? static_cast<float>(token_group::largest / unit) / most : 0;
    constexpr float shift = 0x1.8p23f;  // its last place is one
    constexpr std::int32_t shift_bits = 0x4b400000;
    float shifted[size];
    std::int32_t whole[size];
    for (std::size_t i = 0; i < size; ++i) shifted[i] = x[first + i] * inverse + shift;
    std::memcpy(whole, shifted, sizeof whole);
    const bool finite = out->scale == out->scale;
    for (std::int32_t& each : whole) each = finite ? (each - shift_bits) * unit : 0;
    if constexpr (Words)
      store_words<Backend>(whole, out->whole);
    else
      store_high_and_low<Backend>(whole, out->whole);
    for (std::size_t half = 0; half < 2; ++half) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < size / 2; ++i) sum += whole[half * size / 2 + i];
      out->sums[half] = sum;
    }
    out->total = out->scale * (static_cast<float>(out->sums[0]) + static_cast<float>(out->sums[1]));
  }
}

}  // namespace detail

/// See group_tokens_function; whole numbers in words or in bytes.
template <simd::backend Backend, bool Words>
void group_tokens(const float* x, std::size_t columns, token_group* out) noexcept {
  detail::round_tokens<Backend, Words>(x, columns, out, detail::coarse_square<Backend, Words>(x, columns));
}

}  // namespace tulu::kernel
