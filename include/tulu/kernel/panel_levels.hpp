#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/kernel/byte_sums.hpp>
#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_gemv.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/kernel/unroll.hpp>

// Products of quantised weights in panels with many tokens in whole numbers of 8 bits, four times as many to an
// instruction as of float32: exact within a group but for the rounding of activations to token_groups, and summed in
// float32 group by group. Groups that are `fine` are multiplied a second time, with their low bytes.
namespace tulu::kernel::detail {

/// A group of 32 columns of a panel in bytes: a weight is level × scale + offset, with those of its part of the group.
template <class Format>
struct panel_levels {
  static constexpr std::size_t parts = panel_group / Format::scale_columns;
  std::uint8_t quads[8][4 * panel_rows];
  float scales[parts][panel_rows];
  float offsets[parts][panel_rows];
};

/// Makes groups of a panel panel_levels.
template <class Backend, class Weight>
struct level_unpacker {
  using format = panel_format<Weight>;
  static_assert(!format::has_offset || format::middle == 0);

  /// Rows r × lanes and following of group `group` of a block.
  static void unpack_group(const typename Backend::bytes (&quads)[8], const std::byte* scales, std::size_t group,
                           std::size_t r, panel_levels<format>* out) noexcept {
    using reader = panel_reader<Backend, Weight>;
    const std::size_t at = r * Backend::lanes;
    unroll<8>([&](auto q) { Backend::store_bytes(out->quads[q] + 4 * at, quads[q]); });
    unroll<panel_levels<format>::parts>([&](auto part) {
      const auto scale = reader::scale(scales, group, part, r);
      Backend::store(out->scales[part] + at, scale);
      if constexpr (format::has_offset)
        Backend::store(out->offsets[part] + at, reader::offset(scales, group, r));
      else
        Backend::store(out->offsets[part] + at, Backend::mul(scale, Backend::set(-format::middle)));
    });
  }
};

/// What bytes of tokens are multiplied: all high ones, worth 128, or the low ones of one token, worth 1.
enum class token_bytes : std::size_t { high = 0, low = token_group::size };

/// Adds the products of one group of `Panels` panels, `panel_stride` groups apart, with bytes of `Tokens` of the tokens
/// from `first` on; with the high ones, those of the offsets too.
template <class Backend, std::size_t Tokens, token_bytes Which, std::size_t Panels, std::size_t AllTokens, class Format>
[[gnu::always_inline]] inline void add_group(
    const panel_levels<Format>* panels, std::size_t panel_stride, const token_group* x, std::size_t x_stride,
    std::size_t first, typename Backend::f32 (&total)[Panels][AllTokens][panel_registers<Backend>]) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t registers = panel_registers<Backend>, lanes = Backend::lanes;
  constexpr std::size_t parts = panel_levels<Format>::parts;
  using sums = byte_sums<Backend, Format::bits, 8 / parts>;
  const auto each = [](auto&& body) {
    unroll<Tokens>([&](auto t) { unroll<Panels>([&](auto p) { unroll<registers>([&](auto r) { body(t, p, r); }); }); });
  };
  unroll<8 / sums::quads>([&](auto run) {
    typename sums::sum some[Tokens][Panels][registers];
    each([&](auto t, auto p, auto r) { some[t][p][r] = sums::zero(); });
    for (std::size_t q = run * sums::quads; q < (run + 1) * sums::quads; ++q) {
      typename Backend::bytes levels[Panels][registers];
      unroll<Panels>([&](auto p) {
        const std::uint8_t* const quad = panels[p * panel_stride].quads[q];
        unroll<registers>([&](auto r) { levels[p][r] = Backend::load_bytes(quad + 4 * r * lanes); });
      });
      unroll<Tokens>([&](auto t) {
        const auto token =
            Backend::set_bytes(x[(first + t) * x_stride].whole + static_cast<std::size_t>(Which) + 4 * q);
        unroll<Panels>([&](auto p) {
          unroll<registers>([&](auto r) { some[t][p][r] = sums::add(some[t][p][r], levels[p][r], token); });
        });
      });
    }
    constexpr std::size_t part = run * sums::quads * parts / 8;
    constexpr bool ends_part = (run + 1) * sums::quads % (8 / parts) == 0;
    unroll<Tokens>([&](auto t) {
      const token_group& token = x[(first + t) * x_stride];
      const auto worth = Backend::set(Which == token_bytes::high ? 128 * token.scale : token.scale);
      const auto whole = Backend::set(parts == 1 ? token.total : token.scale * static_cast<float>(token.sums[part]));
      unroll<Panels>([&](auto p) {
        const panel_levels<Format>& panel = panels[p * panel_stride];
        unroll<registers>([&](auto r) {
          f32 sum = total[p][first + t][r];
          if constexpr (Which == token_bytes::high && ends_part)
            sum = Backend::fma(Backend::load(panel.offsets[part] + r * lanes), whole, sum);
          const f32 scale = Backend::mul(Backend::load(panel.scales[part] + r * lanes), worth);
          total[p][first + t][r] = Backend::fma(scale, Backend::to_f32(sums::total(some[t][p][r])), sum);
        });
      });
    });
  });
}

/// The products of `Panels` panels with `Tokens` tokens, `x_stride` groups apart, over `groups` groups of columns.
template <class Backend, std::size_t Panels, std::size_t Tokens, class Format>
void multiply_panels(const panel_levels<Format>* panels, std::size_t panel_stride, std::size_t groups,
                     const token_group* x, std::size_t x_stride, std::size_t rows, float* y, std::size_t y_stride,
                     bool add) noexcept {
  constexpr std::size_t registers = panel_registers<Backend>;
  typename Backend::f32 total[Panels][Tokens][registers];
  for (auto& panel : total)
    for (auto& token : panel)
      for (auto& sum : token) sum = Backend::set(0);
  for (std::size_t group = 0; group < groups; ++group, ++panels, ++x) {
    add_group<Backend, Tokens, token_bytes::high>(panels, panel_stride, x, x_stride, 0, total);
    for (std::size_t t = 0; t < Tokens; ++t)
      if (x[t * x_stride].fine != 0)
        add_group<Backend, 1, token_bytes::low>(panels, panel_stride, x, x_stride, t, total);
  }
  store_panels<Backend, Panels, Tokens>(total, rows, y, y_stride, add);
}

}  // namespace tulu::kernel::detail
