#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tulu/kernel/product_scalar.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// 32 activations as whole numbers of 15 bits: activation i is scale × whole[i], with an error of at most half of
/// 1 / 16256 of the largest magnitude among them, or, unless `fine`, of 1 / 127. How the whole numbers lie is known to
/// the kernels that the function which made them, group_tokens or pack_many, is for.
struct token_group {
  static constexpr std::size_t size = 32;
  static constexpr std::int32_t largest = 127 * 128;  ///< of the whole numbers
  /// pack_many in bytes makes those groups `fine` that have an activation of more than so many times the root mean
  /// square of all activations of the token. It is outliers whose rounding shows in a model's perplexity.
  static constexpr float coarse_limit = 5;
  std::int8_t whole[2 * size];
  float scale;
  float total;           ///< the sum of the activations: scale × (sums[0] + sums[1])
  std::int32_t sums[2];  ///< of the whole numbers of each half
  std::uint32_t fine;    ///< or 0: the whole numbers are multiples of 128
};

namespace detail {

/// The sum and the products of levels of `Bits` bits with bytes of tokens.
template <class Backend, std::size_t Bits>
[[nodiscard]] typename Backend::i32 dot_levels(typename Backend::i32 sum, typename Backend::bytes levels,
                                               typename Backend::bytes token) noexcept {
  if constexpr (Bits < 8)
    return Backend::dot_u7s8(sum, levels, token);
  else
    return Backend::dot_u8s8(sum, levels, token);
}

/// Sums of products of levels, whole numbers of `Bits` bits without sign, with those of a token_group. A whole number
/// of this is 128 × high + low: two products with bytes take the place of one with floats.
template <class Backend, std::size_t Bits>
struct level_products {
  using i32 = typename Backend::i32;
  using bytes = typename Backend::bytes;

  explicit level_products(std::int32_t start) noexcept : high_(Backend::set_i32(0)), low_(Backend::set_i32(start)) {}
  void add(bytes levels, const std::int8_t* whole, std::size_t quad) noexcept {
    high_ = dot_levels<Backend, Bits>(high_, levels, Backend::set_bytes(whole + 4 * quad));
    low_ = dot_levels<Backend, Bits>(low_, levels, Backend::set_bytes(whole + token_group::size + 4 * quad));
  }
  [[nodiscard]] i32 sum() const noexcept { return Backend::template shift_left<7>(high_) + low_; }

 private:
  i32 high_, low_;
};

/// The order of level_products: all high bytes, then all low ones.
template <class Backend>
void store_high_and_low(const std::int32_t* whole, std::int8_t* out) noexcept {
  for (std::size_t i = 0; i < token_group::size; ++i) {
    const std::int32_t high = (whole[i] + 64) >> 7;
    out[i] = static_cast<std::int8_t>(high);
    out[token_group::size + i] = static_cast<std::int8_t>(whole[i] - high * 128);
  }
}

/// The same sums for a backend that multiplies words faster than bytes.
template <class Backend, std::size_t Bits>
requires has_word_products<Backend>
struct level_products<Backend, Bits> {
  using i32 = typename Backend::i32;
  using bytes = typename Backend::bytes;

  explicit level_products(std::int32_t start) noexcept : sum_(Backend::set_i32(start)) {}
  void add(bytes levels, const std::int8_t* whole, std::size_t quad) noexcept {
    sum_ = Backend::dot_words(sum_, Backend::even_words(levels), Backend::set_pair(whole + 8 * quad));
    sum_ = Backend::dot_words(sum_, Backend::odd_words(levels), Backend::set_pair(whole + 8 * quad + 4));
  }
  [[nodiscard]] i32 sum() const noexcept { return sum_; }

 private:
  i32 sum_;
};

/// The same sums, in floats, for levels of 4 bits that are still two to a byte: sums of nibbles that count for 16 or
/// 256 times as much are brought down at the end, exactly.
template <class Backend>
struct nibble_products {
  using i32 = typename Backend::i32;
  using pairs = typename Backend::pairs;

  explicit nibble_products(std::int32_t start = 0) noexcept
      : ones_(Backend::set_i32(start)), by_16_(Backend::set_i32(0)), by_256_(Backend::set_i32(0)) {}
  /// The words of a plane of nibbles, whose lower ones are quad `quad` and whose upper ones are quad `quad` + 4.
  void add(const pairs (&nibbles)[4], const std::int8_t* whole, std::size_t quad) noexcept {
    const std::int8_t *const lower = whole + 8 * quad, *const upper = lower + 32;
    ones_ = Backend::dot_words(ones_, nibbles[0], Backend::set_pair(lower));
    by_256_ = Backend::dot_words(by_256_, nibbles[2], Backend::set_pair(lower + 4));
    by_16_ = Backend::dot_words(by_16_, nibbles[1], Backend::set_pair(upper));
    ones_ = Backend::dot_words(ones_, nibbles[3], Backend::set_pair(upper + 4));
  }
  [[nodiscard]] typename Backend::f32 sum() const noexcept {
    const auto most = Backend::fma(Backend::to_f32(by_16_), Backend::set(1.0f / 16), Backend::to_f32(ones_));
    return Backend::fma(Backend::to_f32(by_256_), Backend::set(1.0f / 256), most);
  }

 private:
  i32 ones_, by_16_, by_256_;
};
static_assert(std::int64_t{15} * 256 * token_group::largest * token_group::size / 4 <= INT32_MAX);

/// The order of dot_words: of each four the even ones, then the odd ones.
template <class Backend>
void store_words(const std::int32_t* whole, std::int8_t* out) noexcept {
  std::int16_t words[token_group::size];
  for (std::size_t i = 0; i < token_group::size; ++i)
    words[i / 4 * 4 + i % 2 * 2 + i % 4 / 2] = static_cast<std::int16_t>(whole[i]);
  std::memcpy(out, words, sizeof words);
}

}  // namespace detail

/// Rounds `columns` activations, a multiple of 32, to groups. NaN and infinite ones give whole numbers of 0 and a scale
/// of NaN.
using group_tokens_function = void (*)(const float* x, std::size_t columns, token_group* out) noexcept;

namespace detail {

/// See group_tokens_function; whole numbers in words or in bytes. Groups with no activation whose square is above
/// `coarse` are rounded to multiples of 128.
template <class Backend, bool Words>
void round_tokens(const float* x, std::size_t columns, token_group* out, float coarse = -1) noexcept {
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

/// See group_tokens_function.
template <simd::backend Backend>
void group_tokens(const float* x, std::size_t columns, token_group* out) noexcept {
  detail::round_tokens<Backend, detail::has_word_products<Backend>>(x, columns, out);
}

}  // namespace tulu::kernel
