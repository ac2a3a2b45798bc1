#pragma once

// As g++ and as clang have it.
#if (defined(__AMX_TILE__) && defined(__AMX_BF16__)) || (defined(__AMXTILE__) && defined(__AMXBF16__))
#define TULU_SIMD_AMX 1

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include <tulu/scalar/bf16.hpp>

namespace tulu::simd::x86 {

/// What LDTILECFG reads: palette 1, and 16 rows of 64 bytes for each of the 8 tiles.
struct alignas(64) tile_config {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(tile_config) == 64);

/// Products in the tile registers of Intel's Advanced Matrix Extensions. A template over its backend, whose name the
/// symbols carry so.
///
/// The system must have permitted the tiles to the process: see detect_cpu. `configure` puts them up for the calling
/// thread, and `release` lets the system save less at each change of threads; multiply goes between the two.
template <class Backend>
struct bf16_tiles {
  static constexpr std::size_t panel_rows = 16;

  static void configure() noexcept {
    static constexpr tile_config config{};
    // g++ 12 takes the operand of _tile_loadconfig for 8 bytes.
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
  }
  static void release() noexcept { _tile_release(); }

  /// y[t][16p + r] = Σ_k x[t][k] × panels[p][k / 2][r][k % 2], where [k / 2] is a step of 2 × Width elements, or that
  /// added to y, in float32 for `depth` columns, a multiple of 32. Rows of x and panels lie `x_stride` and
  /// `panel_stride` elements apart, rows of y `y_stride`. Subnormal numbers count as zero, as they do for dot_bf16.
  template <std::size_t Tokens, std::size_t Width = panel_rows>
  static void multiply(const bf16* x, std::size_t x_stride, const bf16* panels, std::size_t panel_stride,
                       std::size_t panel_count, std::size_t depth, float* y, std::size_t y_stride, bool add) noexcept {
    static_assert(Tokens == 16 || Tokens == 32);
    const operands strides{static_cast<long>(x_stride * sizeof(bf16)), static_cast<long>(y_stride * sizeof(float)),
                           panel_stride, depth};
    order_memory();
    std::size_t panel = 0;
    for (; panel + 2 <= panel_count; panel += 2, panels += 2 * panel_stride, y += 2 * panel_rows)
      block<Tokens, Width, 2>(x, panels, y, strides, add);
    if (panel != panel_count) block<Tokens, Width, 1>(x, panels, y, strides, add);
    order_memory();
  }

 private:
  struct operands {
    long x_row, y_row;  ///< in bytes
    std::size_t panel_stride, depth;
  };

  /// Tile loads of g++ 12 name no memory that they read.
  static void order_memory() noexcept { __asm__ volatile("" : : : "memory"); }

  /// Tiles 0 to 3 have the sums: 0 and 1 those of 16 tokens with two panels, 2 and 3 those of the next 16. Tiles 4 and
  /// 5 have the tokens, 6 and 7 the panels.
  template <std::size_t Tokens, std::size_t Width, std::size_t Panels>
  static void block(const bf16* x, const bf16* panels, float* y, const operands& of, bool add) noexcept {
    const auto below = [](auto* first, long bytes) {
      return reinterpret_cast<decltype(first)>(reinterpret_cast<std::uintptr_t>(first) +
                                               static_cast<std::uintptr_t>(16 * bytes));
    };
    float* const y_below = below(y, of.y_row);
    const bf16* x_below = below(x, of.x_row);
    const bf16* panel_beside = panels + of.panel_stride;
    if (add) {
      _tile_loadd(0, y, of.y_row);
      if constexpr (Panels == 2) _tile_loadd(1, y + panel_rows, of.y_row);
      if constexpr (Tokens == 32) _tile_loadd(2, y_below, of.y_row);
      if constexpr (Tokens == 32 && Panels == 2) _tile_loadd(3, y_below + panel_rows, of.y_row);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (std::size_t k = 0; k < of.depth;
         k += 32, x += 32, x_below += 32, panels += 32 * Width, panel_beside += 32 * Width) {
      _tile_loadd(4, x, of.x_row);
      _tile_loadd(6, panels, 4 * Width);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (Panels == 2) {
        _tile_loadd(7, panel_beside, 4 * Width);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (Tokens == 32) {
        _tile_loadd(5, x_below, of.x_row);
        _tile_dpbf16ps(2, 5, 6);
      }
      if constexpr (Tokens == 32 && Panels == 2) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, y, of.y_row);
    if constexpr (Panels == 2) _tile_stored(1, y + panel_rows, of.y_row);
    if constexpr (Tokens == 32) _tile_stored(2, y_below, of.y_row);
    if constexpr (Tokens == 32 && Panels == 2) _tile_stored(3, y_below + panel_rows, of.y_row);
  }
};

}  // namespace tulu::simd::x86

#endif  // AMX
