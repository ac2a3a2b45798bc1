#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_gemv.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/kernel/product_scalar.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/kernel/unroll.hpp>
#include <tulu/simd/backend.hpp>

// Products of quantised weights in panels with many tokens in whole numbers of 16 bits, twice as many to an instruction
// as of float32: exact but for the rounding of activations to token_groups, and summed in float32 group by group.
namespace tulu::kernel::detail {

/// A group of 32 columns of a panel as dot_words takes it: a weight is word × scale.
template <class Format>
struct panel_words {
  static_assert(!Format::has_offset);
  std::int16_t words[16][2 * panel_rows];  ///< of each quad the even columns, then the odd ones
  float scales[panel_rows];
};

/// Makes groups of a panel panel_words. Scales of half a group, of 8 bits, are multiplied into the words.
template <class Backend, class Weight>
struct word_unpacker {
  using format = panel_format<Weight>;
  static constexpr bool by_part = format::scale_columns != panel_group;
  static_assert(!by_part ||
                (format::bits == 6 && std::int64_t{32} * 128 * panel_group * token_group::largest <= INT32_MAX));

  /// Rows r × lanes and following of group `group` of a block.
  static void unpack_group(const typename Backend::bytes (&quads)[8], const std::byte* scales, std::size_t group,
                           std::size_t r, panel_words<format>* out) noexcept {
    using reader = panel_reader<Backend, Weight>;
    const std::size_t at = r * Backend::lanes;
    unroll<2>([&](auto part) {
      auto factor = Backend::set_i32(1);
      if constexpr (by_part) factor = reader::part_scale(scales, group, part, r);
      const auto store = [&](auto words, std::int16_t* to) {
        words = Backend::sub_words(words, format::middle);
        if constexpr (by_part) words = Backend::mul_words(words, factor);
        Backend::store_words(to + 2 * at, words);
      };
      unroll<4>([&](auto i) {
        constexpr std::size_t q = 4 * part + i;
        store(Backend::even_words(quads[q]), out->words[2 * q]);
        store(Backend::odd_words(quads[q]), out->words[2 * q + 1]);
      });
    });
    if constexpr (by_part)
      Backend::store(out->scales + at, reader::block_scale(scales, r));
    else
      Backend::store(out->scales + at, reader::scale(scales, group, 0, r));
  }
};

/// The products of `Panels` panels, `panel_stride` groups apart, with `Tokens` tokens, `x_stride` groups apart, over
/// `groups` groups of columns.
template <class Backend, std::size_t Panels, std::size_t Tokens, class Format>
void multiply_panels(const panel_words<Format>* panels, std::size_t panel_stride, std::size_t groups,
                     const token_group* x, std::size_t x_stride, std::size_t rows, float* y, std::size_t y_stride,
                     bool add) noexcept {
  using f32 = typename Backend::f32;
  using i32 = typename Backend::i32;
  constexpr std::size_t registers = panel_registers<Backend>, lanes = Backend::lanes;
  f32 total[Panels][Tokens][registers];
  const auto each = [](auto&& body) {
    unroll<Panels>([&](auto p) { unroll<Tokens>([&](auto t) { unroll<registers>([&](auto r) { body(p, t, r); }); }); });
  };
  each([&](auto p, auto t, auto r) { total[p][t][r] = Backend::set(0); });
  for (std::size_t group = 0; group < groups; ++group, ++panels, ++x) {
    i32 sums[Panels][Tokens][registers];
    each([&](auto p, auto t, auto r) { sums[p][t][r] = Backend::set_i32(0); });
    for (std::size_t i = 0; i < 16; ++i) {
      typename Backend::pairs weights[Panels][registers];
      unroll<Panels>([&](auto p) {
        const std::int16_t* const words = panels[p * panel_stride].words[i];
        unroll<registers>([&](auto r) { weights[p][r] = Backend::load_pairs(words + 2 * r * lanes); });
      });
      unroll<Tokens>([&](auto t) {
        const auto token = Backend::set_pair(x[t * x_stride].whole + 4 * i);
        unroll<Panels>([&](auto p) {
          unroll<registers>([&](auto r) { sums[p][t][r] = Backend::dot_words(sums[p][t][r], weights[p][r], token); });
        });
      });
    }
    each([&](auto p, auto t, auto r) {
      const f32 scale = Backend::load(panels[p * panel_stride].scales + r * lanes);
      total[p][t][r] = Backend::fma(Backend::mul(scale, Backend::set(x[t * x_stride].scale)),
                                    Backend::to_f32(sums[p][t][r]), total[p][t][r]);
    });
  }
  store_panels<Backend, Panels, Tokens>(total, rows, y, y_stride, add);
}

}  // namespace tulu::kernel::detail
