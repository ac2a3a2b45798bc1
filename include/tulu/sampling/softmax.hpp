#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include <tulu/core/error.hpp>
#include <tulu/sampling/nan_logits.hpp>

namespace tulu::sampling {

inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// Running results that are kept side by side, so that compilers make vector code without reordering float arithmetic;
/// more than they unroll.
inline constexpr std::size_t lanes = 32;

/// The largest logit, +inf included. Throws when one is NaN or when none is above -inf.
[[nodiscard]] inline float checked_max(std::span<const float> logits) {
  float largest[lanes];
  std::uint32_t nan[lanes] = {};
  std::fill_n(largest, lanes, -infinity);
  std::size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float logit = logits[i + lane];
      largest[lane] = largest[lane] < logit ? logit : largest[lane];
      nan[lane] |= logit != logit ? 1U : 0U;
    }
  }
  for (; i < logits.size(); ++i) {
    largest[0] = largest[0] < logits[i] ? logits[i] : largest[0];
    nan[0] |= logits[i] != logits[i] ? 1U : 0U;
  }
  if (std::ranges::any_of(nan, [](std::uint32_t found) { return found != 0; })) {
    const auto at = std::ranges::find_if(logits, [](float logit) { return std::isnan(logit); }) - logits.begin();
    throw nan_logits{mismatch_error("logits", "id " + std::to_string(at), "a number", "NaN")};
  }
  const float result = *std::ranges::max_element(largest);
  if (result == -infinity)
    throw mismatch_error("logits", "", "a value above -inf",
                         logits.empty() ? "no logits" : "-inf for every id, after logit bias and penalties");
  return result;
}

/// e^x for x ≤ 0 within 2 units in the last place; 0 below -87.7, -inf included. Free of branches and calls, so that
/// compilers make vector code of a loop over it. The polynomial is that of expf in Stephen Moshier's Cephes library.
[[nodiscard]] inline float exp_nonpositive(float x) noexcept {
  constexpr float round_to_integer = 12582912.0F;  // 1.5 · 2^23: the sum's low bits hold the integer
  // As integers, negative numbers are ordered by their distance from 0. -88 becomes 2^-127, whose exponent bits are
  // those of 0.
  const float bounded = std::bit_cast<float>(std::min(std::bit_cast<std::uint32_t>(x), 0xc2b00000U));
  const float shifted = bounded * 1.44269504F + round_to_integer;
  const float exponent = shifted - round_to_integer;
  const float r = (bounded - exponent * 0.693359375F) - exponent * -2.12194440e-4F;
  float poly = 1.9875691500e-4F;
  poly = poly * r + 1.3981999507e-3F;
  poly = poly * r + 8.3334519073e-3F;
  poly = poly * r + 4.1665795894e-2F;
  poly = poly * r + 1.6666665459e-1F;
  poly = poly * r + 5.0000001201e-1F;
  poly = poly * r * r + r + 1.0F;
  const float scale = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U);
  return poly * scale;
}

/// `sum` adds blocks of this many values in float32 and the blocks in float64.
inline constexpr std::size_t sum_block_size = 256;

/// The sum of at most `sum_block_size` values.
[[nodiscard]] inline double sum_block(std::span<const float> values) noexcept {
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += values[i + lane];
  double total = 0;
  for (const float sum : sums) total += sum;
  for (; i < values.size(); ++i) total += values[i];
  return total;
}

[[nodiscard]] inline double sum(std::span<const float> values) noexcept {
  double total = 0;
  for (std::size_t i = 0; i < values.size(); i += sum_block_size)
    total += sum_block(values.subspan(i, std::min(sum_block_size, values.size() - i)));
  return total;
}

/// weights[i] = e^(logits[i] - largest), where `largest` is the largest of them and finite: the softmax times the sum
/// that is returned. Both spans have the same size.
inline double softmax_weights(std::span<const float> logits, float largest, std::span<float> weights) noexcept {
  const float* from = logits.data();
  float* to = weights.data();
  for (std::size_t i = 0; i < logits.size(); ++i) to[i] = exp_nonpositive(from[i] - largest);
  return sum(weights);
}

/// log Σ e^(logit - largest), where `largest` is the largest of them: what turns logit - largest into a
/// log-probability. With logits of +inf, their number's logarithm.
[[nodiscard]] inline double log_sum_exp_above(std::span<const float> logits, float largest) noexcept {
  if (largest == infinity) return std::log(static_cast<double>(std::ranges::count(logits, infinity)));
  double total = 0;
  float weights[sum_block_size];
  for (std::size_t i = 0; i < logits.size(); i += sum_block_size) {
    const auto part = logits.subspan(i, std::min(sum_block_size, logits.size() - i));
    total += softmax_weights(part, largest, std::span{weights}.first(part.size()));
  }
  return std::log(total);
}

/// logit - largest - `log_sum`, with `largest` and `log_sum` as above: the logarithm of the softmax at `logit`.
[[nodiscard]] inline float log_probability(float logit, float largest, double log_sum) noexcept {
  if (logit == -infinity) return -infinity;
  if (largest == infinity) return logit == infinity ? static_cast<float>(-log_sum) : -infinity;
  return static_cast<float>(static_cast<double>(logit) - static_cast<double>(largest) - log_sum);
}

/// An index, drawn with probability weights[i] / Σ weights by `uniform` in [0, 1): the first at which the running sum
/// exceeds uniform · Σ weights. Weights are not negative and one is positive; an index of weight 0 is never drawn.
[[nodiscard]] inline std::size_t pick(std::span<const float> weights, double uniform) noexcept {
  const double target = uniform * sum(weights);
  double before = 0;
  for (std::size_t begin = 0; begin < weights.size(); begin += sum_block_size) {
    const auto part = weights.subspan(begin, std::min(sum_block_size, weights.size() - begin));
    const double after = before + sum_block(part);
    if (after > target) {
      // Rounded one by one, the block's values may stay below what `sum_block` says: then its last positive one.
      std::size_t last = begin;
      for (std::size_t i = 0; i < part.size() && before <= target; ++i) {
        if (part[i] > 0) last = begin + i;
        before += static_cast<double>(part[i]);
      }
      return last;
    }
    before = after;
  }
  return 0;
}

}  // namespace tulu::sampling
