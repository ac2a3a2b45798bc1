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

  /// y[t][16p + r] = Σ_k x[t / 16][k / 32][t % 16][k % 32] × panels[p][k / 2][r][k % 2], where [k / 2] is a step of
  /// 2 × Width elements, or that added to y, in float32 for `depth` columns, a multiple of 32. Sixteens of x and panels
  /// lie `x_stride` and `panel_stride` elements apart, rows of y `y_stride`: not a multiple of 1024, whose rows would
  /// share one set of the cache. Subnormal numbers count as zero, as they do for dot_bf16. Meanwhile the
  /// tokens from `next` on are fetched, all 32 when 192 rows are multiplied with the same tokens in calls that follow
  /// each other; returns where to go on with that.
  template <std::size_t Tokens, std::size_t Width = panel_rows>
  static const bf16* multiply(const bf16* x, std::size_t x_stride, const bf16* panels, std::size_t panel_stride,
                              std::size_t panel_count, std::size_t depth, float* y, std::size_t y_stride, bool add,
                              const bf16* next) noexcept {
    static_assert(Tokens == 16 || Tokens == 32);
    operands of{x_stride, panel_stride, static_cast<long>(y_stride * sizeof(float)), depth, next};
    order_memory();
    std::size_t panel = 0;
    for (; panel + 2 <= panel_count; panel += 2, panels += 2 * panel_stride, y += 2 * panel_rows)
      block<Tokens, Width, 2>(x, panels, y, of, add);
    if (panel != panel_count) block<Tokens, Width, 1>(x, panels, y, of, add);
    order_memory();
    return of.next;
  }

  /// y[t][r] = from[r][t], or that added to y, for up to 16 of either; rows of `from` have 16 that can be read.
  static void store_transposed(const float* from, std::size_t from_stride, std::size_t rows, std::size_t tokens,
                               float* y, std::size_t y_stride, bool add) noexcept {
    __m512 r[16];
    for (std::size_t i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(from + i * from_stride);
    transpose(r);
    const auto present = static_cast<__mmask16>(rows < 16 ? (1U << rows) - 1 : 0xffff);
    for (std::size_t t = 0; t < 16 && t < tokens; ++t, y += y_stride) {
      const __m512 sum = add ? _mm512_add_ps(r[t], _mm512_maskz_loadu_ps(present, y)) : r[t];
      _mm512_mask_storeu_ps(y, present, sum);
    }
  }

 private:
  struct operands {
    std::size_t x_stride, panel_stride;
    long y_row;  ///< in bytes
    std::size_t depth;
    const bf16* next;
  };

  /// Elements that are fetched for 32 rows and columns: of 32 tokens a sixth, in whole cache lines.
  static constexpr std::size_t share = 192;

  /// Tile loads of g++ 12 name no memory that they read.
  static void order_memory() noexcept { __asm__ volatile("" : : : "memory"); }

  /// Riffles the upper half of the rows into the lower one, which turns the bits of the place of each element by one:
  /// after four times those of row and column have changed places.
  [[gnu::always_inline]] static void transpose(__m512 (&r)[16]) noexcept {
    for (std::size_t time = 0; time < 4; ++time) {
      __m512 riffled[16];
      for (std::size_t i = 0; i < 8; ++i) {
        riffled[2 * i] =
            __builtin_shufflevector(r[i], r[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        riffled[2 * i + 1] =
            __builtin_shufflevector(r[i], r[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      }
      for (std::size_t i = 0; i < 16; ++i) r[i] = riffled[i];
    }
  }

  /// Tiles 0 to 3 have the sums: 0 and 1 those of 16 tokens with two panels, 2 and 3 those of the next 16. Tiles 4 and
  /// 5 have the tokens, 6 and 7 the panels.
  template <std::size_t Tokens, std::size_t Width, std::size_t Panels>
  static void block(const bf16* x, const bf16* panels, float* y, operands& of, bool add) noexcept {
    float* const y_below = Tokens == 32 ? y + 16 * static_cast<std::size_t>(of.y_row) / sizeof(float) : y;
    const bf16* x_below = Tokens == 32 ? x + of.x_stride : x;
    const bf16* panel_beside = Panels == 2 ? panels + of.panel_stride : panels;
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
         k += 32, x += 16 * 32, x_below += 16 * 32, panels += 32 * Width, panel_beside += 32 * Width) {
      for (std::size_t i = 0; i < share; i += 32) _mm_prefetch(reinterpret_cast<const char*>(of.next + i), _MM_HINT_T0);
      of.next += share;
      _tile_loadd(4, x, 64);
      _tile_loadd(6, panels, 4 * Width);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (Panels == 2) {
        _tile_loadd(7, panel_beside, 4 * Width);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (Tokens == 32) {
        _tile_loadd(5, x_below, 64);
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
