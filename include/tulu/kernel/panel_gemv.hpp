#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tulu/kernel/gemv.hpp>
#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/simd/backend.hpp>

// Products of weights in panels with few tokens, where reading the weights is what takes the time: each panel is one
// stream, read once for up to four tokens.
namespace tulu::kernel {

/// Up to few_tokens tokens: rows of `x` `x_stride` floats apart, those of `groups` group_stride groups. Only products
/// with blocks need `groups`, see group_tokens, and only the others `x`.
struct few_inputs {
  const float* x = nullptr;
  std::size_t x_stride = 0;
  const token_group* groups = nullptr;
  std::size_t group_stride = 0;
};

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r], for `rows` rows of the panels from `panels` on. The
/// bits of a result depend neither on `rows` nor on `tokens`.
using panels_times_few_function = void (*)(const std::byte* panels, std::size_t rows, std::size_t columns,
                                           const few_inputs& inputs, std::size_t tokens, float* y, std::size_t y_stride,
                                           bool add) noexcept;

namespace detail {

/// The products of one panel with `Tokens` tokens.
template <class Backend, class Weight, std::size_t Tokens>
struct panel_products {
  using f32 = typename Backend::f32;
  static constexpr std::size_t registers = panel_registers<Backend>;
  using sums = f32[Tokens][registers];

  static void compute(const std::byte* panel, std::size_t columns, const few_inputs& inputs, sums& total) noexcept {
    if constexpr (block_scalar<Weight>) {
      add_blocks(panel, columns, inputs, total);
    } else {
      add_elements(reinterpret_cast<const Weight*>(panel), columns, inputs, total);
    }
  }

 private:
  /// Four sums a token, one for each column of four, so that additions need not wait for each other.
  using four_sums = f32[4][Tokens][registers];

  static void add_elements(const Weight* weights, std::size_t columns, const few_inputs& inputs, sums& total) noexcept {
    four_sums partial;
    unroll<4>([&](auto k) {
      unroll<Tokens>([&](auto t) { unroll<registers>([&](auto r) { partial[k][t][r] = Backend::set(0); }); });
    });
    std::size_t k = 0;
    for (; columns - k >= 4; k += 4, weights += 4 * panel_rows)
      add_four(weights, inputs.x + k, inputs.x_stride, partial);
    if (k != columns) {
      float rest[Tokens * 4] = {};
      for (std::size_t t = 0; t < Tokens; ++t)
        std::memcpy(rest + 4 * t, inputs.x + t * inputs.x_stride + k, (columns - k) * sizeof(float));
      add_four(weights, rest, 4, partial);
    }
    unroll<Tokens>([&](auto t) {
      unroll<registers>([&](auto r) {
        total[t][r] = Backend::add(Backend::add(partial[0][t][r], partial[1][t][r]),
                                   Backend::add(partial[2][t][r], partial[3][t][r]));
      });
    });
  }

  static void add_four(const Weight* weights, const float* x, std::size_t x_stride, four_sums& partial) noexcept {
    const auto add = [&](auto k, auto r, f32 column) {
      unroll<Tokens>([&](auto t) {
        partial[k][t][r] = Backend::fma(column, Backend::set(x[t * x_stride + k]), partial[k][t][r]);
      });
    };
    unroll<registers>([&](auto r) {
      if constexpr (panel_format<Weight>::step == 2) {
        unroll<2>([&](auto pair) {
          const auto pairs = Backend::load_pairs(weights + (pair * panel_rows + r * Backend::lanes) * 2);
          add(std::integral_constant<std::size_t, 2 * pair>{}, r, Backend::even(pairs));
          add(std::integral_constant<std::size_t, 2 * pair + 1>{}, r, Backend::odd(pairs));
        });
      } else {
        unroll<4>([&](auto k) { add(k, r, Backend::load(weights + k * panel_rows + r * Backend::lanes)); });
      }
    });
  }

  static void add_blocks(const std::byte* panel, std::size_t columns, const few_inputs& inputs, sums& total) noexcept {
    using format = panel_format<Weight>;
    constexpr std::size_t groups = Weight::block / panel_group;
    unroll<Tokens>([&](auto t) { unroll<registers>([&](auto r) { total[t][r] = Backend::set(0); }); });
    const std::byte* scales = panel + columns / panel_group * format::level_bytes;
    const token_group* tokens = inputs.groups;
    for (std::size_t block = 0; block < columns / Weight::block; ++block, scales += format::scale_bytes)
      for (std::size_t group = 0; group < groups; ++group, panel += format::level_bytes, ++tokens)
        unroll<registers>([&](auto r) { add_group(panel, scales, group, r, tokens, inputs.group_stride, total); });
  }

  template <class Register>
  static void add_group(const std::byte* levels, const std::byte* scales, std::size_t group, Register r,
                        const token_group* tokens, std::size_t stride, sums& total) noexcept {
    using format = panel_format<Weight>;
    using reader = panel_reader<Backend, Weight>;
    constexpr std::size_t parts = panel_group / format::scale_columns, quads_of_part = 8 / parts;
    typename Backend::bytes quads[8];
    reader::load_levels(levels, r, quads);
    unroll<parts>([&](auto part) {
      const f32 scale = reader::scale(scales, group, part, r);
      unroll<Tokens>([&](auto t) {
        const token_group& token = tokens[t * stride];
        const std::int32_t sum = parts == 1 ? token.sums[0] + token.sums[1] : token.sums[part];
        auto high = Backend::set_i32(0), low = Backend::set_i32(-format::middle * sum);
        unroll<quads_of_part>([&](auto i) {
          constexpr std::size_t q = part * quads_of_part + i;
          high = dot(high, quads[q], Backend::set_bytes(token.high + 4 * q));
          low = dot(low, quads[q], Backend::set_bytes(token.low + 4 * q));
        });
        const f32 whole = Backend::to_f32(Backend::template shift_left<7>(high) + low);
        total[t][r] = Backend::fma(Backend::mul(scale, Backend::set(token.scale)), whole, total[t][r]);
      });
    });
    if constexpr (format::has_offset) {
      const f32 offset = reader::offset(scales, group, r);
      unroll<Tokens>(
          [&](auto t) { total[t][r] = Backend::fma(offset, Backend::set(tokens[t * stride].total), total[t][r]); });
    }
  }

  template <class I32, class Bytes>
  [[nodiscard]] static I32 dot(I32 sum, Bytes levels, Bytes token) noexcept {
    if constexpr (panel_format<Weight>::bits < 8)
      return Backend::dot_u7s8(sum, levels, token);
    else
      return Backend::dot_u8s8(sum, levels, token);
  }
};

/// Adds or writes the sums of one panel, of which only `rows` rows are wanted.
template <class Backend, std::size_t Tokens>
void store_products(const typename Backend::f32 (&sums)[Tokens][panel_registers<Backend>], std::size_t rows, float* y,
                    std::size_t y_stride, bool add) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  for (std::size_t t = 0; t < Tokens; ++t, y += y_stride) {
    if (rows == panel_rows) {
      for (std::size_t r = 0; r < panel_registers<Backend>; ++r) {
        float* const to = y + r * lanes;
        Backend::store(to, add ? Backend::add(Backend::load(to), sums[t][r]) : sums[t][r]);
      }
    } else {
      float some[panel_rows];
      for (std::size_t r = 0; r < panel_registers<Backend>; ++r) Backend::store(some + r * lanes, sums[t][r]);
      for (std::size_t row = 0; row < rows; ++row) y[row] = add ? y[row] + some[row] : some[row];
    }
  }
}

/// Tokens for which a panel is read once: as many as have their sums in registers.
template <class Backend>
inline constexpr std::size_t tokens_together = Backend::lanes == 16  ? 4
                                               : Backend::lanes == 8 ? 2
                                                                     : 1;

}  // namespace detail

/// See panels_times_few_function.
template <simd::dot_backend Backend, panel_weight Weight>
void panels_times_few(const std::byte* panels, std::size_t rows, std::size_t columns, const few_inputs& inputs,
                      std::size_t tokens, float* y, std::size_t y_stride, bool add) noexcept {
  constexpr std::size_t most = detail::tokens_together<Backend>;
  for (std::size_t first = 0; first < rows; first += panel_rows, panels += panel_bytes<Weight>(columns)) {
    const std::size_t present = rows - first < panel_rows ? rows - first : panel_rows;
    const auto run = [&](auto count, std::size_t t) {
      using products = detail::panel_products<Backend, Weight, count>;
      typename products::sums sums;
      const few_inputs some{inputs.x + t * inputs.x_stride, inputs.x_stride, inputs.groups + t * inputs.group_stride,
                            inputs.group_stride};
      products::compute(panels, columns, some, sums);
      detail::store_products<Backend, count>(sums, present, y + t * y_stride + first, y_stride, add);
    };
    std::size_t t = 0;
    for (; tokens - t >= most; t += most) run(std::integral_constant<std::size_t, most>{}, t);
    detail::unroll<most - 1>([&](auto less) {
      if (tokens - t == less + 1) run(std::integral_constant<std::size_t, less + 1>{}, t);
    });
  }
}

}  // namespace tulu::kernel
