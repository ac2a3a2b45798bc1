#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/unroll.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel {

/// Registers that one column of a panel takes.
template <class Backend>
inline constexpr std::size_t panel_registers = panel_rows / Backend::lanes;

namespace detail {

/// Reads the levels and scales of a panel of blocks (see panel_format) into registers: register `at` has the rows from
/// at × lanes on.
template <class Backend, class Weight>
struct panel_reader {
  using f32 = typename Backend::f32;
  using bytes = typename Backend::bytes;
  using format = panel_format<Weight>;
  static constexpr std::size_t lanes = Backend::lanes;

  /// The 8 quads of a group, levels without sign.
  static void load_levels(const std::byte* group, std::size_t at, bytes (&quads)[8]) noexcept {
    if constexpr (format::bits == 8) {
      unroll<8>([&](auto q) { quads[q] = load_plane(group, q, at); });
    } else {
      unroll<4>([&](auto q) {
        const bytes plane = load_plane(group, q, at);
        quads[q] = Backend::low_nibbles(plane);
        quads[q + 4] = Backend::high_nibbles(plane);
      });
      constexpr std::size_t planes = format::bits - 4;
      unroll<planes>([&](auto plane) {
        const bytes upper = load_plane(group, 4 + plane, at);
        unroll<8 / planes>([&](auto part) {
          constexpr std::size_t q = part * planes + plane;
          quads[q] = Backend::either(quads[q], upper_bits<part * planes>(upper));
        });
      });
    }
  }

  /// What is multiplied with the levels less the middle: the scale of the rows for part `part` of group `group` of a
  /// block, whose scales begin at `scales`.
  [[nodiscard]] static f32 scale(const std::byte* scales, std::size_t group, std::size_t part,
                                 std::size_t at) noexcept {
    if constexpr (requires { format::own_scales; }) {
      return Backend::mul(half(scales, 0, at), own(scales + format::own_scales, group, at));
    } else if constexpr (requires { format::block_scales; }) {
      return Backend::mul(block_scale(scales, at), Backend::to_f32(part_scale(scales, group, part, at)));
    } else {
      return half(scales, 0, at);
    }
  }

  /// The factors of `scale` where the format has block_scales: that of the block, and the part's own of 8 bits.
  [[nodiscard]] static f32 block_scale(const std::byte* scales, std::size_t at) noexcept {
    return half(scales + format::block_scales, 0, at);
  }
  [[nodiscard]] static typename Backend::i32 part_scale(const std::byte* scales, std::size_t group, std::size_t part,
                                                        std::size_t at) noexcept {
    const auto* const signed_scales = reinterpret_cast<const std::int8_t*>(scales);
    return Backend::widen(signed_scales + (2 * group + part) * panel_rows + at * lanes);
  }

  /// What is added to each weight, where the format has it.
  [[nodiscard]] static f32 offset(const std::byte* scales, std::size_t group, std::size_t at) noexcept {
    if constexpr (requires { format::own_minima; }) {
      const f32 product = Backend::mul(half(scales, 1, at), own(scales + format::own_minima, group, at));
      return Backend::sub(Backend::set(0), product);
    } else {
      return half(scales, 1, at);
    }
  }

 private:
  [[nodiscard]] static bytes load_plane(const std::byte* group, std::size_t plane, std::size_t at) noexcept {
    return Backend::load_bytes(reinterpret_cast<const std::uint8_t*>(group) + (plane * panel_rows + at * lanes) * 4);
  }
  [[nodiscard]] static f32 half(const std::byte* scales, std::size_t plane, std::size_t at) noexcept {
    return Backend::load(reinterpret_cast<const f16*>(scales) + plane * panel_rows + at * lanes);
  }
  [[nodiscard]] static f32 own(const std::byte* scales, std::size_t group, std::size_t at) noexcept {
    return Backend::to_f32(
        Backend::widen(reinterpret_cast<const std::uint8_t*>(scales) + group * panel_rows + at * lanes));
  }

  /// The bits from `From` on that belong to one quad, as bits 4 and following of a level.
  template <std::size_t From>
  [[nodiscard]] static bytes upper_bits(bytes upper) noexcept {
    constexpr std::uint8_t mask = ((1u << (format::bits - 4)) - 1) << 4;
    if constexpr (From < 4)
      return Backend::template bits_up<4 - From>(upper, mask);
    else
      return Backend::template bits_down<From - 4>(upper, mask);
  }
};

}  // namespace detail

}  // namespace tulu::kernel
