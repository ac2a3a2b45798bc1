#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/block_rounding.hpp>
#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/k_scales.hpp>

// How ggml's K types choose scales: levels are rounded with a series of trial scales, each followed by the least
// squares fit of the scale to those levels, and the best is kept. Sums run in order, so that the result is ggml's.
namespace tulu::detail {

/// x ≈ scale × level - minimum.
struct affine_fit {
  float scale = 0, minimum = 0;
};

/// The trial scales of a fit: (first + step × 0, 1, … `count` × 0.1 + largest level) ÷ range.
struct trial_scales {
  float first = 0;
  int count = 0;
};

TULU_NO_CONTRACTION_BEGIN

[[nodiscard]] inline int level_between(float value, int least, int most) noexcept {
  return std::clamp(nearest_int(value), least, most);
}

/// Fits 32 weights with levels 0 to `most`, an error counting `weights`-fold (make_qkx2_quants). `levels` gets them.
[[nodiscard]] inline affine_fit fit_affine(const float* x, const float* weights, int most, trial_scales trials,
                                           std::uint8_t* levels) noexcept {
  constexpr std::size_t n = 32;
  float low = x[0], high = x[0], sum_w = weights[0], sum_x = weights[0] * x[0];
  for (std::size_t i = 1; i < n; ++i) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  if (low > 0) low = 0;
  if (high == low) {
    std::fill_n(levels, n, std::uint8_t{0});
    return {0, -low};
  }
  const auto error_of = [&](const std::uint8_t* chosen, float scale, float minimum) {
    float error = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float off = scale * static_cast<float>(chosen[i]) + minimum - x[i];
      error += weights[i] * (off * off);
    }
    return error;
  };
  const auto largest = static_cast<float>(most);
  float inverse = largest / (high - low);
  const float start = low;
  for (std::size_t i = 0; i < n; ++i)
    levels[i] = static_cast<std::uint8_t>(level_between(inverse * (x[i] - start), 0, most));
  affine_fit best{1 / inverse, low};
  float least_error = error_of(levels, best.scale, best.minimum);
  for (int trial = 0; trial <= trials.count; ++trial) {
    // The range starts at the best minimum so far, as in the original.
    inverse = (trials.first + 0.1f * static_cast<float>(trial) + largest) / (high - best.minimum);
    std::uint8_t tried[n];
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (std::size_t i = 0; i < n; ++i) {
      tried[i] = static_cast<std::uint8_t>(level_between(inverse * (x[i] - best.minimum), 0, most));
      const auto level = static_cast<float>(tried[i]);
      sum_l += weights[i] * level;
      sum_l2 += weights[i] * level * level;
      sum_xl += weights[i] * level * x[i];
    }
    const float determinant = sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0)) continue;
    affine_fit fit{(sum_w * sum_xl - sum_x * sum_l) / determinant, (sum_l2 * sum_x - sum_l * sum_xl) / determinant};
    if (fit.minimum > 0) fit = {sum_xl / sum_l2, 0};
    const float error = error_of(tried, fit.scale, fit.minimum);
    if (!(error < least_error)) continue;
    std::copy_n(tried, n, levels);
    least_error = error;
    best = fit;
  }
  return {best.scale, -best.minimum};
}

/// Magnitudes below this are zero to the K types.
inline constexpr float k_epsilon = 1e-15f;

/// The scale that fits 16 weights with levels -32 to 31, an error counting as the square of the weight
/// (make_qx_quants).
[[nodiscard]] inline float fit_symmetric(const float* x, std::int8_t* levels) noexcept {
  constexpr std::size_t n = 16;
  const float most = largest_magnitude(x, n);
  std::fill_n(levels, n, std::int8_t{-32});
  if (std::fabs(most) < k_epsilon) return 0;
  struct sums {
    float xl = 0, l2 = 0;
  };
  const auto try_scale = [&](float inverse) {
    sums total;
    for (std::size_t i = 0; i < n; ++i) {
      const auto level = static_cast<float>(level_between(inverse * x[i], -32, 31));
      const float weight = x[i] * x[i];
      total.xl += weight * x[i] * level;
      total.l2 += weight * level * level;
    }
    return total;
  };
  const auto keep = [&](float inverse) {
    for (std::size_t i = 0; i < n; ++i) levels[i] = static_cast<std::int8_t>(level_between(inverse * x[i], -32, 31));
  };
  float inverse = -32 / most;
  keep(inverse);
  sums total = try_scale(inverse);
  float scale = total.l2 != 0 ? total.xl / total.l2 : 0;
  float best = scale * total.xl;
  for (int trial = -9; trial <= 9; ++trial) {
    if (trial == 0) continue;
    inverse = -(32 + 0.1f * static_cast<float>(trial)) / most;
    total = try_scale(inverse);
    if (!(total.l2 > 0 && total.xl * total.xl > best * total.l2)) continue;
    keep(inverse);
    scale = total.xl / total.l2;
    best = scale * total.xl;
  }
  return scale;
}

/// The header of a block of q4_k or q5_k and the levels of its 256 weights, 0 to `most`.
struct k_block {
  f16 scale, minimum;
  std::uint8_t packed[12];
  std::uint8_t levels[256];
};

[[nodiscard]] inline k_block fit_k_block(const float* x, int most, trial_scales trials) noexcept {
  k_block out{};
  affine_fit fits[8];
  float largest_scale = 0, largest_minimum = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    const float* const group = x + 32 * g;
    float sum = 0, weights[32];
    for (std::size_t i = 0; i < 32; ++i) sum += group[i] * group[i];
    const float average = std::sqrt(sum / 32);
    for (std::size_t i = 0; i < 32; ++i) weights[i] = average + std::fabs(group[i]);
    fits[g] = fit_affine(group, weights, most, trials, out.levels + 32 * g);
    if (fits[g].scale > largest_scale) largest_scale = fits[g].scale;
    if (fits[g].minimum > largest_minimum) largest_minimum = fits[g].minimum;
  }
  const float inverse_scale = largest_scale > 0 ? 63 / largest_scale : 0;
  const float inverse_minimum = largest_minimum > 0 ? 63 / largest_minimum : 0;
  const auto six_bits = [](float value) {
    return std::min<std::uint8_t>(63, static_cast<std::uint8_t>(nearest_int(value)));
  };
  k_scale groups[8];
  for (std::size_t g = 0; g < 8; ++g)
    groups[g] = {six_bits(inverse_scale * fits[g].scale), six_bits(inverse_minimum * fits[g].minimum)};
  pack_k_scales(groups, out.packed);
  out.scale = to_f16(largest_scale / 63);
  out.minimum = to_f16(largest_minimum / 63);
  for (std::size_t g = 0; g < 8; ++g) {
    const float scale = to_float(out.scale) * static_cast<float>(groups[g].scale);
    if (scale == 0) continue;
    const float minimum = to_float(out.minimum) * static_cast<float>(groups[g].minimum);
    for (std::size_t i = 32 * g; i < 32 * (g + 1); ++i)
      out.levels[i] = static_cast<std::uint8_t>(level_between((x[i] + minimum) / scale, 0, most));
  }
  return out;
}

TULU_NO_CONTRACTION_END

/// The header of the block, and the lower four bits of the levels: groups 2p and 2p + 1 are the lower and upper nibbles
/// of 32 bytes.
template <class Block>
void store_k_block(const k_block& fitted, Block& out) noexcept {
  out.scale = fitted.scale;
  out.minimum = fitted.minimum;
  std::copy_n(fitted.packed, 12, out.packed);
  for (std::size_t i = 0; i < 128; ++i) {
    const std::uint8_t* const levels = fitted.levels + i / 32 * 64 + i % 32;
    out.quants[i] = static_cast<std::uint8_t>((levels[0] & 15) | ((levels[32] & 15) << 4));
  }
}

}  // namespace tulu::detail
