#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/k_scales.hpp>
#include <tulu/scalar/q4_0.hpp>
#include <tulu/scalar/q4_1.hpp>
#include <tulu/scalar/q4_k.hpp>
#include <tulu/scalar/q5_0.hpp>
#include <tulu/scalar/q5_1.hpp>
#include <tulu/scalar/q5_k.hpp>
#include <tulu/scalar/q6_k.hpp>
#include <tulu/scalar/q8_0.hpp>

// How quantised weights of 16 rows lie together in a panel, so that a register holds the same column, or the same few
// columns, of several rows, and a product needs no sum across a register.
namespace tulu::kernel {

/// Rows of a panel. Every backend's register holds a divisor of it.
inline constexpr std::size_t panel_rows = 16;
/// Columns of blocks that are worked on together.
inline constexpr std::size_t panel_group = 32;

/// The panel of a block type: for its groups of 32 columns one after the other the levels, and behind them all its
/// scales. Levels are whole numbers from 0 on, and a weight is
///
///     (level - middle) × scale (+ offset)
///
/// with one scale for `scale_columns` columns of a row. Eight planes of bytes [16 rows][4 columns] make up a group: the
/// plane of columns 4q to 4q + 3 is quad q. Stored are the lower four bits of quads q and q + 4 in the nibbles of plane
/// q, then planes of what is above them: with 5 bits one, bit q for quad q, with 6 bits two, bits 2 (q / 2) and the
/// next of plane q % 2; 8 bits lie as they are.
///
/// Formats of 4 bits have `nibbles` to write the 16 bytes that a row has in those planes, the others `levels` for the
/// 32 levels of a row.
template <class Weight>
struct panel_format;

namespace detail {

template <std::size_t Bits, int Middle, bool Offset, std::size_t ScaleColumns, std::size_t ScaleBytes>
struct level_format {
  static constexpr std::size_t bits = Bits;
  static constexpr int middle = Middle;
  static constexpr bool has_offset = Offset;
  static constexpr std::size_t scale_columns = ScaleColumns;
  static constexpr std::size_t scale_bytes = ScaleBytes;                           ///< of a block of 16 rows
  static constexpr std::size_t level_bytes = panel_rows * panel_group * Bits / 8;  ///< of a group
};

template <class Value>
void store_scale(std::byte* scales, std::size_t index, Value value) noexcept {
  std::memcpy(scales + index * sizeof value, &value, sizeof value);
}

/// Of each of 8 bytes the bits from `shift` on that `mask` has in a byte.
[[nodiscard]] inline std::uint64_t bits_of_bytes(const std::uint8_t* bytes, std::size_t shift,
                                                 std::uint8_t mask) noexcept {
  std::uint64_t all = 0;
  std::memcpy(&all, bytes, sizeof all);
  return all >> shift & mask * 0x0101010101010101u;
}

/// `Count` bytes whose lower four bits and whose bits above lie apart.
template <std::size_t Count>
void join_bits(const std::uint8_t* low, std::size_t low_shift, const std::uint8_t* high, std::size_t high_shift,
               std::uint8_t high_mask, std::uint8_t* out) noexcept {
  for (std::size_t i = 0; i < Count; i += 8) {
    const std::uint64_t joined = bits_of_bytes(low + i, low_shift, 15) | bits_of_bytes(high + i, high_shift, high_mask)
                                                                             << 4;
    std::memcpy(out + i, &joined, sizeof joined);
  }
}

/// Bit i of `bits` as bit 4 of byte i.
[[nodiscard]] inline std::uint64_t fifth_of_bytes(std::uint8_t bits) noexcept {
  const std::uint64_t own = bits * std::uint64_t{0x0101010101010101} & 0x8040201008040201u;
  return ((own + 0x7f7f7f7f7f7f7f7fu) & 0x8080808080808080u) >> 3;
}

/// A scale for each block of 32, and an offset if the format has one.
template <std::size_t Bits, int Middle, bool Offset>
struct simple_format : level_format<Bits, Middle, Offset, 32, (Offset ? 2 : 1) * panel_rows * sizeof(f16)> {
  template <class Block>
  static void store_scales(const Block& block, std::size_t row, std::byte* scales) noexcept {
    store_scale(scales, row, block.scale);
    if constexpr (Offset) store_scale(scales, panel_rows + row, block.minimum);
  }
};

/// float16 scales and minima of the block, then the 8 groups' own, a byte each.
template <std::size_t Bits>
struct k_format : level_format<Bits, 0, true, 32, 2 * panel_rows * sizeof(f16) + 16 * panel_rows> {
  static constexpr std::size_t own_scales = 2 * panel_rows * sizeof(f16), own_minima = own_scales + 8 * panel_rows;
  template <class Block>
  static void store_scales(const Block& block, std::size_t row, std::byte* scales) noexcept {
    store_scale(scales, row, block.scale);
    store_scale(scales, panel_rows + row, block.minimum);
    for (std::size_t group = 0; group < 8; ++group) {
      const auto [scale, minimum] = tulu::detail::unpack_k_scale(block.packed, group);
      store_scale(scales + own_scales, group * panel_rows + row, scale);
      store_scale(scales + own_minima, group * panel_rows + row, minimum);
    }
  }
};

}  // namespace detail

template <>
struct panel_format<q8_0> : detail::simple_format<8, 128, false> {
  static void levels(const q8_0& block, std::size_t, std::uint8_t* out) noexcept {
    for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(block.levels[i] + 128);
  }
};

template <>
struct panel_format<q4_0> : detail::simple_format<4, 8, false> {
  static void nibbles(const q4_0& block, std::size_t, std::uint8_t* out) noexcept {
    std::memcpy(out, block.quants, sizeof block.quants);
  }
};

template <>
struct panel_format<q4_1> : detail::simple_format<4, 0, true> {
  static void nibbles(const q4_1& block, std::size_t, std::uint8_t* out) noexcept {
    std::memcpy(out, block.quants, sizeof block.quants);
  }
};

namespace detail {

template <int Middle, bool Offset>
struct five_bit_format : simple_format<5, Middle, Offset> {
  template <class Block>
  static void levels(const Block& block, std::size_t, std::uint8_t* out) noexcept {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint64_t joined =
          bits_of_bytes(block.quants + i % 2 * 8, i / 2 * 4, 15) | fifth_of_bytes(block.fifth[i]);
      std::memcpy(out + 8 * i, &joined, sizeof joined);
    }
  }
};

}  // namespace detail

template <>
struct panel_format<q5_0> : detail::five_bit_format<16, false> {};
template <>
struct panel_format<q5_1> : detail::five_bit_format<0, true> {};

template <>
struct panel_format<q4_k> : detail::k_format<4> {
  static void nibbles(const q4_k& block, std::size_t group, std::uint8_t* out) noexcept {
    const std::uint8_t* const quants = block.quants + group / 2 * 32;
    const std::size_t shift = group % 2 * 4;
    detail::join_bits<16>(quants, shift, quants + 16, shift, 15, out);
  }
};

template <>
struct panel_format<q5_k> : detail::k_format<5> {
  static void levels(const q5_k& block, std::size_t group, std::uint8_t* out) noexcept {
    detail::join_bits<32>(block.quants + group / 2 * 32, group % 2 * 4, block.fifth, group, 1, out);
  }
};

/// The 16 groups' own scales, a byte each, then the float16 scales of the block.
template <>
struct panel_format<q6_k> : detail::level_format<6, 32, false, 16, 16 * panel_rows + panel_rows * sizeof(f16)> {
  static constexpr std::size_t block_scales = 16 * panel_rows;
  static void store_scales(const q6_k& block, std::size_t row, std::byte* scales) noexcept {
    for (std::size_t group = 0; group < 16; ++group)
      detail::store_scale(scales, group * panel_rows + row, block.scales[group]);
    detail::store_scale(scales + block_scales, row, block.scale);
  }
  static void levels(const q6_k& block, std::size_t group, std::uint8_t* out) noexcept {
    const std::size_t half = group / 4, quarter = group % 4;
    detail::join_bits<32>(block.low + half * 64 + quarter % 2 * 32, quarter / 2 * 4, block.high + half * 32,
                          quarter * 2, 3, out);
  }
};

/// A type whose weights can lie in panels.
template <class Weight>
concept panel_weight = requires {
  sizeof(panel_format<Weight>);
};

/// Bytes of a panel: a multiple of a cache line.
template <panel_weight Weight>
[[nodiscard]] constexpr std::size_t panel_bytes(std::size_t columns) noexcept {
  using format = panel_format<Weight>;
  const std::size_t bytes = columns / panel_group * format::level_bytes + columns / Weight::block * format::scale_bytes;
  return (bytes + 63) / 64 * 64;
}

namespace detail {

/// What one row of group `index` has in the planes, four columns each.
template <class Format, class Block>
void row_planes(const Block& block, std::size_t index, std::uint32_t (&planes)[Format::bits]) noexcept {
  constexpr std::size_t bits = Format::bits;
  if constexpr (bits == 4) {
    Format::nibbles(block, index, reinterpret_cast<std::uint8_t*>(planes));
  } else if constexpr (bits == 8) {
    Format::levels(block, index, reinterpret_cast<std::uint8_t*>(planes));
  } else {
    constexpr std::size_t uppers = bits - 4;
    std::uint32_t quads[8];
    Format::levels(block, index, reinterpret_cast<std::uint8_t*>(quads));
    for (std::size_t q = 0; q < 4; ++q) planes[q] = (quads[q] & 0x0f0f0f0f) | (quads[q + 4] & 0x0f0f0f0f) << 4;
    for (std::size_t plane = 0; plane < uppers; ++plane) {
      std::uint32_t upper = 0;
      std::size_t shift = 0;
      for (std::size_t q = plane; q < 8; q += uppers, shift += uppers)
        upper |= (quads[q] >> 4 & ((1u << uppers) - 1) * 0x01010101) << shift;
      planes[4 + plane] = upper;
    }
  }
}

/// Four words, for which every compiler that has __builtin_shufflevector finds instructions.
using four_words [[gnu::vector_size(16)]] = std::uint32_t;

/// out[i][r] = words[r][i].
template <std::size_t Count>
void store_planes(const std::uint32_t (&words)[panel_rows][Count], std::byte* out) noexcept {
  constexpr std::size_t in_fours = Count / 4 * 4;
  const auto to = [out](std::size_t plane, std::size_t row) {
    return out + (plane * panel_rows + row) * sizeof(std::uint32_t);
  };
  for (std::size_t row = 0; row < panel_rows; row += 4) {
    for (std::size_t i = 0; i < in_fours; i += 4) {
      four_words r[4];
      for (std::size_t k = 0; k < 4; ++k) std::memcpy(&r[k], &words[row + k][i], sizeof r[k]);
      const four_words low[2] = {__builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                                 __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5)};
      const four_words high[2] = {__builtin_shufflevector(r[0], r[1], 2, 6, 3, 7),
                                  __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7)};
      const four_words planes[4] = {
          __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5), __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7),
          __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5), __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7)};
      for (std::size_t k = 0; k < 4; ++k) std::memcpy(to(i + k, row), &planes[k], sizeof planes[k]);
    }
    for (std::size_t i = in_fours; i < Count; ++i)
      for (std::size_t k = 0; k < 4; ++k) std::memcpy(to(i, row + k), &words[row + k][i], sizeof(std::uint32_t));
  }
}

}  // namespace detail

/// Packs up to 16 rows of blocks that lie one after the other; absent rows are zero.
template <panel_weight Weight>
void pack_panel(const Weight* weights, std::size_t rows, std::size_t columns, std::byte* panel) noexcept {
  using format = panel_format<Weight>;
  const std::size_t levels = columns / panel_group * format::level_bytes;
  std::byte* scales = panel + levels;
  if (rows != panel_rows) std::memset(scales, 0, panel_bytes<Weight>(columns) - levels);
  const std::size_t blocks = columns / Weight::block;
  for (std::size_t block = 0; block < blocks; ++block, scales += format::scale_bytes) {
    for (std::size_t row = 0; row < rows; ++row) format::store_scales(weights[row * blocks + block], row, scales);
    for (std::size_t group = 0; group < Weight::block / panel_group; ++group, panel += format::level_bytes) {
      std::uint32_t planes[panel_rows][format::bits];
      for (std::size_t row = 0; row < rows; ++row)
        detail::row_planes<format>(weights[row * blocks + block], group, planes[row]);
      if (rows != panel_rows) std::memset(planes[rows], 0, (panel_rows - rows) * sizeof planes[0]);
      detail::store_planes(planes, panel);
    }
  }
}

}  // namespace tulu::kernel
