#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tulu/kernel/byte_sums.hpp>
#include <tulu/kernel/fetch_ahead.hpp>
#include <tulu/kernel/panel_form.hpp>
#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/kernel/unroll.hpp>
#include <tulu/simd/backend.hpp>

// Products of quantised weights in panels with few tokens, where reading the weights is what takes the time: each panel
// is one stream, read once for up to four tokens.
namespace tulu::kernel {

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r], for `rows` rows of the panels from `panels` on and
/// up to few_tokens tokens: the groups of x[t] are those from x + t × x_stride on, as group_tokens of the form that the
/// weights take makes them. The bits of a result depend neither on `rows` nor on `tokens`.
using panels_times_few_function = void (*)(const std::byte* panels, std::size_t rows, std::size_t columns,
                                           const token_group* x, std::size_t x_stride, std::size_t tokens, float* y,
                                           std::size_t y_stride, bool add) noexcept;

namespace detail {

/// The products of one panel with `Tokens` tokens; panels up to `end` are read next.
template <class Backend, class Weight, std::size_t Tokens>
struct panel_products {
  using f32 = typename Backend::f32;
  using i32 = typename Backend::i32;
  static constexpr std::size_t registers = panel_registers<Backend>;
  using sums = f32[Tokens][registers];

  static void compute(const std::byte* panel, const std::byte* end, std::size_t columns, const token_group* x,
                      std::size_t x_stride, sums& total) noexcept {
    using format = panel_format<Weight>;
    constexpr std::size_t groups = Weight::block / panel_group;
    unroll<Tokens>([&](auto t) { unroll<registers>([&](auto r) { total[t][r] = Backend::set(0); }); });
    const std::byte* scales = panel + columns / panel_group * format::level_bytes;
    for (std::size_t block = 0; block < columns / Weight::block; ++block, scales += format::scale_bytes) {
      fetch<format::scale_bytes>(scales, end);
      for (std::size_t group = 0; group < groups; ++group, panel += format::level_bytes, ++x) {
        fetch<format::level_bytes>(panel, end);
        unroll<registers>([&](auto r) { add_group(panel, scales, group, r, x, x_stride, total); });
      }
    }
  }

 private:
  /// Fetches as many bytes further on as are read here, if they lie before `end`: how far the processor looks ahead by
  /// itself shrinks with the work on each line, and a second stream is read beside its own.
  template <std::size_t Bytes>
  [[gnu::always_inline]] static void fetch(const std::byte* from, const std::byte* end) noexcept {
    constexpr std::size_t ahead = 24 << 10, line = 64;
    if (from + ahead >= end) return;
    for (std::size_t at = 0; at < Bytes; at += line) fetch_ahead(from + at, ahead);
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
        const i32 start = Backend::set_i32(-format::middle * sum);
        const i32 products = level_products<part * quads_of_part, quads_of_part>(start, quads, token);
        const f32 worth = Backend::mul(scale, Backend::set(token.scale));
        total[t][r] = Backend::fma(worth, Backend::to_f32(products), total[t][r]);
      });
    });
    if constexpr (format::has_offset) {
      const f32 offset = reader::offset(scales, group, r);
      unroll<Tokens>(
          [&](auto t) { total[t][r] = Backend::fma(offset, Backend::set(tokens[t * stride].total), total[t][r]); });
    }
  }

  /// `sum` and the products of `Quads` quads of levels from `First` on with the whole numbers of a token.
  template <std::size_t First, std::size_t Quads>
  [[nodiscard]] static i32 level_products(i32 sum, const typename Backend::bytes (&quads)[8],
                                          const token_group& token) noexcept {
    if constexpr (few_form_of<Backend, Weight> == panel_form::words) {
      unroll<Quads>([&](auto i) {
        constexpr std::size_t q = First + i;
        const std::int8_t* const words = token.whole + 8 * q;
        sum = Backend::dot_words(sum, Backend::even_words(quads[q]), Backend::set_pair(words));
        sum = Backend::dot_words(sum, Backend::odd_words(quads[q]), Backend::set_pair(words + 4));
      });
    } else {
      sum = sum + Backend::template shift_left<7>(byte_products<First, Quads>(quads, token.whole));
      if (token.fine != 0) sum = sum + byte_products<First, Quads>(quads, token.whole + token_group::size);
    }
    return sum;
  }

  template <std::size_t First, std::size_t Quads>
  [[nodiscard]] static i32 byte_products(const typename Backend::bytes (&quads)[8], const std::int8_t* token) noexcept {
    using run_sums = byte_sums<Backend, panel_format<Weight>::bits, Quads>;
    i32 total = Backend::set_i32(0);
    unroll<Quads / run_sums::quads>([&](auto run) {
      auto sum = run_sums::zero();
      unroll<run_sums::quads>([&](auto i) {
        constexpr std::size_t q = First + run * run_sums::quads + i;
        sum = run_sums::add(sum, quads[q], Backend::set_bytes(token + 4 * q));
      });
      total = total + run_sums::total(sum);
    });
    return total;
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

/// Adds or writes the sums of panels that follow each other, in which only `rows` rows are wanted.
template <class Backend, std::size_t Panels, std::size_t Tokens>
void store_panels(const typename Backend::f32 (&sums)[Panels][Tokens][panel_registers<Backend>], std::size_t rows,
                  float* y, std::size_t y_stride, bool add) noexcept {
  unroll<Panels>([&](auto p) {
    const std::size_t present = rows - p * panel_rows < panel_rows ? rows - p * panel_rows : panel_rows;
    store_products<Backend, Tokens>(sums[p], present, y + p * panel_rows, y_stride, add);
  });
}

/// Tokens for which a panel is read once: as many as have their sums in registers.
template <class Backend>
inline constexpr std::size_t tokens_together = Backend::lanes == 16  ? 4
                                               : Backend::lanes == 8 ? 2
                                                                     : 1;

}  // namespace detail

/// See panels_times_few_function.
template <simd::dot_backend Backend, panel_weight Weight>
void panels_times_few(const std::byte* panels, std::size_t rows, std::size_t columns, const token_group* x,
                      std::size_t x_stride, std::size_t tokens, float* y, std::size_t y_stride, bool add) noexcept {
  constexpr std::size_t most = detail::tokens_together<Backend>;
  const std::byte* const end = panels + (rows + panel_rows - 1) / panel_rows * panel_bytes<Weight>(columns);
  for (std::size_t first = 0; first < rows; first += panel_rows, panels += panel_bytes<Weight>(columns)) {
    const std::size_t present = rows - first < panel_rows ? rows - first : panel_rows;
    const auto run = [&](auto count, std::size_t t) {
      using products = detail::panel_products<Backend, Weight, count>;
      typename products::sums sums;
      products::compute(panels, end, columns, x + t * x_stride, x_stride, sums);
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
