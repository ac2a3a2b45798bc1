#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include <tulu/kernel/elementwise.hpp>
#include <tulu/kernel/panel_form.hpp>
#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_gemv.hpp>
#include <tulu/kernel/panel_levels.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/kernel/panel_words.hpp>
#include <tulu/kernel/product_scalar.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/kernel/unroll.hpp>
#include <tulu/simd/backend.hpp>

// Products of quantised weights in panels with many tokens, where computing takes the time (Goto and van de Geijn
// 2008): tokens are packed once, block by block of columns; a block of some panels, made what products are computed
// in, stays in the cache while all tokens pass it, and a tile of products stays in registers while it is summed.
namespace tulu::kernel {

/// Rows that one call of panels_times_many takes at most; see block_rows.
template <class Backend>
inline constexpr std::size_t many_rows = (detail::has_tiles<Backend> ? 12 : 4) * panel_rows;

namespace detail {

/// Columns of a block, chosen so that the weights of four panels fit the level-1 cache, with tiles 32 tokens.
template <class Backend, class Scalar>
inline constexpr std::size_t block_depth = (in_tiles<Backend, Scalar> ? 1024 : 512) / sizeof(Scalar);

/// Groups of columns of a block: those of the panels, of some hundred tokens, and the sums fit the level-2 cache.
inline constexpr std::size_t block_groups = 4;

/// The tile of products that fits the registers.
template <class Backend>
struct tile_shape {
  static constexpr std::size_t panels = Backend::lanes == 16 ? 4 : 1;
  static constexpr std::size_t tokens = Backend::lanes >= 8 ? 6 : Backend::registers == 32 ? 5 : 3;
};

}  // namespace detail

/// Tokens with those that their last tile lacks.
[[nodiscard]] constexpr std::size_t packed_tokens(std::size_t tokens) noexcept {
  return (tokens + 15) / 16 * 16;
}

/// Packs the tokens [first, first + count) of `tokens`: rows of x `x_stride` floats apart, x at the first of all. Block
/// by block of columns, the part of each token lies behind that of the token before, zeros behind the last column; in
/// tiles, [16 tokens][32 columns] lie together. In words and bytes, a part is token_groups, and `columns` a multiple of
/// 32. `out` is for packed_tokens × packed_columns / 32 × form_bytes of the form that the function is for.
using pack_many_function = void (*)(const float* x, std::size_t x_stride, std::size_t first, std::size_t count,
                                    std::size_t tokens, std::size_t columns, std::byte* out) noexcept;

/// y[t][r] = Σ_k weights[r][k] × x[t][k], or that added to y[t][r], for up to many_rows rows of the panels from
/// `panels` on and tokens packed in the form of the weights. `scratch` has many_scratch floats. The bits of a
/// result depend neither on `rows` nor on `tokens`.
using panels_times_many_function = void (*)(const std::byte* panels, std::size_t rows, std::size_t columns,
                                            const std::byte* tokens_packed, std::size_t tokens, float* y,
                                            std::size_t y_stride, bool add, float* scratch) noexcept;

/// Floats that a panels_times_many_function of `rows` at most works in.
[[nodiscard]] constexpr std::size_t many_scratch(std::size_t rows, std::size_t tokens) noexcept {
  return rows * (1024 / sizeof(float) + packed_tokens(tokens));
}

namespace detail {

/// See pack_many_function; for products in words or in bytes.
template <class Backend, panel_form Form>
void pack_groups(const float* x, std::size_t x_stride, std::size_t first, std::size_t count, std::size_t tokens,
                 std::size_t columns, std::byte* out) noexcept {
  constexpr bool in_words = Form == panel_form::words;
  constexpr std::size_t most = block_groups * panel_group;
  auto* const groups = reinterpret_cast<token_group*>(out);
  for (std::size_t t = first; t < first + count; ++t) {
    const float* const token = x + t * x_stride;
    const float coarse = coarse_square<Backend, in_words>(token, columns);
    for (std::size_t from = 0; from < columns; from += most) {
      const std::size_t present = columns - from < most ? columns - from : most;
      round_tokens<Backend, in_words>(token + from, present, groups + (tokens * from + t * present) / panel_group,
                                      coarse);
    }
  }
}

/// See pack_many_function.
template <class Backend, class Scalar>
void pack_scalars(const float* x, std::size_t x_stride, std::size_t first, std::size_t count, std::size_t tokens,
                  std::size_t columns, std::byte* out) noexcept {
  constexpr std::size_t most = block_depth<Backend, Scalar>;
  constexpr bool tiled = in_tiles<Backend, Scalar>;
  auto* const packed = reinterpret_cast<Scalar*>(out);
  for (std::size_t from = 0; from < columns; from += most) {
    const std::size_t present = columns - from < most ? columns - from : most;
    const std::size_t depth = packed_columns(present), step = tiled ? 32 : depth;
    Scalar* const block = packed + from * (tiled ? packed_tokens(tokens) : tokens);
    for (std::size_t t = first; t < first + count; ++t) {
      Scalar* to = tiled ? block + t / 16 * 16 * depth + t % 16 * step : block + t * depth;
      for (std::size_t k = 0; k < depth; k += step, to += 16 * step) {
        const std::size_t some = present - k < step ? present - k : step;
        convert<Backend>(x + t * x_stride + from + k, to, some);
        std::memset(to + some, 0, (step - some) * sizeof(Scalar));
      }
    }
  }
}

}  // namespace detail

/// See pack_many_function.
template <simd::backend Backend, panel_form Form>
void pack_many(const float* x, std::size_t x_stride, std::size_t first, std::size_t count, std::size_t tokens,
               std::size_t columns, std::byte* out) noexcept {
  if constexpr (Form == panel_form::f32)
    detail::pack_scalars<Backend, float>(x, x_stride, first, count, tokens, columns, out);
  else if constexpr (Form == panel_form::bf16)
    detail::pack_scalars<Backend, bf16>(x, x_stride, first, count, tokens, columns, out);
  else
    detail::pack_groups<Backend, Form>(x, x_stride, first, count, tokens, columns, out);
}

namespace detail {

/// Weights of a panel as Scalar, [columns / step][16 rows][step] with the step of products of that type.
template <class Backend, class Weight, class Scalar>
struct panel_unpacker {
  using f32 = typename Backend::f32;
  static constexpr std::size_t lanes = Backend::lanes;

  /// Rows r × lanes and following of group `group` of a block.
  static void unpack_group(const typename Backend::bytes (&quads)[8], const std::byte* scales, std::size_t group,
                           std::size_t r, Scalar* out) noexcept {
    using format = panel_format<Weight>;
    using reader = panel_reader<Backend, Weight>;
    constexpr std::size_t parts = panel_group / format::scale_columns, quads_of_part = 8 / parts;
    f32 offset = Backend::set(0);
    if constexpr (format::has_offset) offset = reader::offset(scales, group, r);
    unroll<parts>([&](auto part) {
      const f32 scale = reader::scale(scales, group, part, r);
      const auto weight = [&](auto q, auto k) {
        auto level = Backend::template byte_of<k>(quads[q]);
        if constexpr (format::middle != 0) level = level - Backend::set_i32(format::middle);
        const f32 product = Backend::mul(Backend::to_f32(level), scale);
        return format::has_offset ? Backend::add(product, offset) : product;
      };
      unroll<quads_of_part>([&](auto i) {
        constexpr std::integral_constant<std::size_t, part * quads_of_part + i> q{};
        unroll<2>([&](auto pair) {
          const f32 even = weight(q, std::integral_constant<int, 2 * pair>{});
          const f32 odd = weight(q, std::integral_constant<int, 2 * pair + 1>{});
          Scalar* const to = out + (4 * q + 2 * pair) * panel_rows;
          if constexpr (std::same_as<Scalar, bf16>) {
            Backend::store_pair(to + 2 * r * lanes, even, odd);
          } else {
            Backend::store(to + r * lanes, even);
            Backend::store(to + panel_rows + r * lanes, odd);
          }
        });
      });
    });
  }
};

/// Makes `groups` groups of a panel from group `first` on elements to multiply with, `stride` of them for a group.
template <class Backend, class Weight, class Unpacker, class Element>
void unpack_panel(const std::byte* panel, std::size_t columns, std::size_t first, std::size_t groups,
                  std::size_t stride, Element* out) noexcept {
  using format = panel_format<Weight>;
  constexpr std::size_t of_block = Weight::block / panel_group;
  const std::byte* const scales = panel + columns / panel_group * format::level_bytes;
  for (std::size_t at = first; at < first + groups; ++at, out += stride)
    for (std::size_t r = 0; r < panel_registers<Backend>; ++r) {
      typename Backend::bytes quads[8];
      panel_reader<Backend, Weight>::load_levels(panel + at * format::level_bytes, r, quads);
      Unpacker::unpack_group(quads, scales + at / of_block * format::scale_bytes, at % of_block, r, out);
    }
}

/// The products of `Panels` panels, `panel_stride` elements apart, with `Tokens` tokens over one block of columns.
template <class Backend, std::size_t Panels, std::size_t Tokens>
void multiply_panels(const float* panels, std::size_t panel_stride, std::size_t depth, const float* x,
                     std::size_t x_stride, std::size_t rows, float* y, std::size_t y_stride, bool add) noexcept {
  using f32 = typename Backend::f32;
  constexpr std::size_t registers = panel_registers<Backend>, lanes = Backend::lanes;
  f32 sums[Panels][Tokens][registers];
  unroll<Panels>([&](auto p) {
    unroll<Tokens>([&](auto t) { unroll<registers>([&](auto r) { sums[p][t][r] = Backend::set(0); }); });
  });
  for (std::size_t k = 0; k < depth; ++k, panels += panel_rows, ++x) {
    f32 weights[Panels][registers];
    unroll<Panels>([&](auto p) {
      unroll<registers>([&](auto r) { weights[p][r] = Backend::load(panels + p * panel_stride + r * lanes); });
    });
    unroll<Tokens>([&](auto t) {
      const f32 token = Backend::set(x[t * x_stride]);
      unroll<Panels>([&](auto p) {
        unroll<registers>([&](auto r) { sums[p][t][r] = Backend::fma(weights[p][r], token, sums[p][t][r]); });
      });
    });
  }
  store_panels<Backend, Panels, Tokens>(sums, rows, y, y_stride, add);
}

/// One block of columns of up to many_rows rows; elements are floating-point numbers, or groups.
template <class Backend, class Weight, class Token>
struct block_products {
  const Weight* panels;
  std::size_t panel_stride;  ///< in elements
  std::size_t rows;
  std::size_t depth;  ///< in elements
  const Token* x;
  float* y;
  std::size_t y_stride;
  bool add;

  void in_registers(std::size_t tokens) const noexcept {
    using shape = tile_shape<Backend>;
    for (std::size_t row = 0; row < rows; row += shape::panels * panel_rows) {
      std::size_t t = 0;
      for (; tokens - t >= shape::tokens; t += shape::tokens) run<shape::tokens>(row, t);
      unroll<shape::tokens - 1>([&](auto less) {
        if (tokens - t == less + 1) run<less + 1>(row, t);
      });
    }
  }

  /// Whole tiles: all panels, of the level-2 cache, pass 32 tokens, which are fetched while the 32 before are
  /// multiplied.
  void in_tiles(std::size_t tokens) const noexcept {
    const std::size_t count = (rows + panel_rows - 1) / panel_rows;
    for (std::size_t t = 0; t < tokens; t += 32) {
      const Token* next = x + (t + 32) * depth;
      const auto multiply = [&](auto some, std::size_t panel) {
        next = Backend::tiles::template multiply<some>(x + t * depth, 16 * depth, panels + panel * panel_stride,
                                                       panel_stride, count - panel < 2 ? 1 : 2, depth,
                                                       y + t * y_stride + panel * panel_rows, y_stride, add, next);
      };
      for (std::size_t panel = 0; panel < count; panel += 2)
        if (tokens - t > 16)
          multiply(std::integral_constant<std::size_t, 32>{}, panel);
        else
          multiply(std::integral_constant<std::size_t, 16>{}, panel);
    }
  }

 private:
  template <std::size_t Tokens>
  void run(std::size_t row, std::size_t t) const noexcept {
    constexpr std::size_t most = tile_shape<Backend>::panels;
    if (rows - row > (most - 1) * panel_rows) return run<Tokens, most>(row, t);
    for (std::size_t at = row; at < rows; at += panel_rows) run<Tokens, 1>(at, t);
  }
  template <std::size_t Tokens, std::size_t Panels>
  void run(std::size_t row, std::size_t t) const noexcept {
    multiply_panels<Backend, Panels, Tokens>(panels + row / panel_rows * panel_stride, panel_stride, depth,
                                             x + t * depth, depth, rows - row, y + t * y_stride + row, y_stride, add);
  }
};

/// Rows of sums, many_rows apart, to y or added to it.
template <class Backend>
void store_sums(const float* sums, std::size_t tokens, std::size_t rows, float* y, std::size_t y_stride,
                bool add) noexcept {
  for (std::size_t t = 0; t < tokens; ++t, sums += many_rows<Backend>, y += y_stride)
    for (std::size_t row = 0; row < rows; ++row) y[row] = add ? y[row] + sums[row] : sums[row];
}

/// See panels_times_many_function; in `Groups`, which Unpacker makes.
template <class Backend, class Weight, class Groups, class Unpacker>
void groups_times_many(const std::byte* panels, std::size_t rows, std::size_t columns, const std::byte* tokens_packed,
                       std::size_t tokens, float* y, std::size_t y_stride, bool add, float* scratch) noexcept {
  constexpr std::size_t most = many_rows<Backend>;
  static_assert(most / panel_rows * block_groups * sizeof(Groups) <= many_scratch(most, 0) * sizeof(float));
  const auto* x = reinterpret_cast<const token_group*>(tokens_packed);
  auto* const unpacked = reinterpret_cast<Groups*>(scratch);
  float* const sums = scratch + many_scratch(most, 0);
  const std::size_t groups = columns / panel_group;
  for (std::size_t first = 0; first < groups; first += block_groups) {
    const std::size_t depth = groups - first < block_groups ? groups - first : block_groups;
    for (std::size_t row = 0; row < rows; row += panel_rows)
      unpack_panel<Backend, Weight, Unpacker>(panels + row / panel_rows * panel_bytes<Weight>(columns), columns, first,
                                              depth, 1, unpacked + row / panel_rows * block_groups);
    block_products<Backend, Groups, token_group>{unpacked, block_groups, rows, depth, x, sums, most, first != 0}
        .in_registers(tokens);
    x += tokens * depth;
  }
  store_sums<Backend>(sums, tokens, rows, y, y_stride, add);
}

/// See panels_times_many_function; in floating-point numbers.
template <class Backend, class Weight, class scalar>
void scalars_times_many(const std::byte* panels, std::size_t rows, std::size_t columns, const std::byte* tokens_packed,
                        std::size_t tokens, float* y, std::size_t y_stride, bool add, float* scratch) noexcept {
  constexpr std::size_t most = block_depth<Backend, scalar>;
  constexpr bool tiled = in_tiles<Backend, scalar>;
  static_assert(most * sizeof(scalar) <= 1024);
  const auto* const x = reinterpret_cast<const scalar*>(tokens_packed);
  auto* const unpacked = reinterpret_cast<scalar*>(scratch);
  float* const sums = scratch + many_scratch(many_rows<Backend>, 0);
  if constexpr (tiled) Backend::tiles::configure();
  for (std::size_t first = 0; first < columns; first += most) {
    const std::size_t depth = columns - first < most ? columns - first : most;
    for (std::size_t row = 0; row < rows; row += panel_rows)
      unpack_panel<Backend, Weight, panel_unpacker<Backend, Weight, scalar>>(
          panels + row / panel_rows * panel_bytes<Weight>(columns), columns, first / panel_group, depth / panel_group,
          panel_group * panel_rows, unpacked + row * most);
    using block = block_products<Backend, scalar, scalar>;
    if constexpr (tiled)
      block{unpacked, most * panel_rows,  rows,      depth, x + first * packed_tokens(tokens),
            sums,     many_rows<Backend>, first != 0}
          .in_tiles(tokens);
    else
      block{unpacked, most * panel_rows, rows, depth, x + first * tokens, y, y_stride, add || first != 0}.in_registers(
          tokens);
  }
  if constexpr (tiled) {
    Backend::tiles::release();
    store_sums<Backend>(sums, tokens, rows, y, y_stride, add);
  }
}

}  // namespace detail

/// See panels_times_many_function.
template <simd::dot_backend Backend, panel_weight Weight>
void panels_times_many(const std::byte* panels, std::size_t rows, std::size_t columns, const std::byte* tokens_packed,
                       std::size_t tokens, float* y, std::size_t y_stride, bool add, float* scratch) noexcept {
  constexpr auto multiply = [] {
    constexpr panel_form form = detail::form_of<Backend, Weight>;
    using format = panel_format<Weight>;
    if constexpr (form == panel_form::f32)
      return &detail::scalars_times_many<Backend, Weight, float>;
    else if constexpr (form == panel_form::bf16)
      return &detail::scalars_times_many<Backend, Weight, bf16>;
    else if constexpr (form == panel_form::words)
      return &detail::groups_times_many<Backend, Weight, detail::panel_words<format>,
                                        detail::word_unpacker<Backend, Weight>>;
    else
      return &detail::groups_times_many<Backend, Weight, detail::panel_levels<format>,
                                        detail::level_unpacker<Backend, Weight>>;
  }();
  multiply(panels, rows, columns, tokens_packed, tokens, y, y_stride, add, scratch);
}

}  // namespace tulu::kernel
