#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/iq4_nl.hpp>
#include <tulu/scalar/q4_0.hpp>
#include <tulu/scalar/q4_1.hpp>
#include <tulu/scalar/q4_k.hpp>
#include <tulu/scalar/q5_0.hpp>
#include <tulu/scalar/q5_1.hpp>
#include <tulu/scalar/q5_k.hpp>
#include <tulu/scalar/q6_k.hpp>
#include <tulu/scalar/q8_0.hpp>
#include <tulu/simd/backend.hpp>

// Blocks of weights as floats, the same bits as the functions of scalar/ give: every product of a scale and a level is
// exact but for q6_k's, which is one product rounded once.
namespace tulu::kernel {

namespace detail {

template <class Backend>
struct block_decoder {
  using f32 = typename Backend::f32;
  using i32 = typename Backend::i32;
  static constexpr std::size_t lanes = Backend::lanes;
  static constexpr auto iq4_levels = std::to_array(iq4_nl::levels);  ///< under the name of the backend

  [[nodiscard]] static i32 low(i32 bytes) noexcept { return bytes & Backend::set_i32(15); }
  [[nodiscard]] static i32 high(i32 bytes) noexcept { return Backend::template shift_right<4>(bytes); }
  [[nodiscard]] static f32 scaled(i32 levels, f32 scale) noexcept {
    return Backend::mul(Backend::to_f32(levels), scale);
  }
  [[nodiscard]] static f32 scaled(i32 levels, f32 scale, f32 offset) noexcept {
    return Backend::add(scaled(levels, scale), offset);
  }

  static void decode(const q8_0& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale));
    for (std::size_t i = 0; i < q8_0::block; i += lanes)
      Backend::store(out + i, scaled(Backend::widen(in.levels + i), scale));
  }

  static void decode(const q4_0& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale));
    const i32 middle = Backend::set_i32(8);
    for (std::size_t i = 0; i < 16; i += lanes) {
      const i32 pairs = Backend::widen(in.quants + i);
      Backend::store(out + i, scaled(low(pairs) - middle, scale));
      Backend::store(out + i + 16, scaled(high(pairs) - middle, scale));
    }
  }

  static void decode(const q4_1& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale)), minimum = Backend::set(to_float(in.minimum));
    for (std::size_t i = 0; i < 16; i += lanes) {
      const i32 pairs = Backend::widen(in.quants + i);
      Backend::store(out + i, scaled(low(pairs), scale, minimum));
      Backend::store(out + i + 16, scaled(high(pairs), scale, minimum));
    }
  }

  /// 32 bytes that are 16 where the bit is set, else 0.
  static void spread_bits(const std::uint8_t* bits, std::uint8_t* out) noexcept {
    for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>((bits[i / 8] >> (i % 8) & 1) << 4);
  }

  static void decode(const q5_0& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale));
    const i32 middle = Backend::set_i32(16);
    std::uint8_t fifth[32];
    spread_bits(in.fifth, fifth);
    for (std::size_t i = 0; i < 16; i += lanes) {
      const i32 pairs = Backend::widen(in.quants + i);
      Backend::store(out + i, scaled((low(pairs) | Backend::widen(fifth + i)) - middle, scale));
      Backend::store(out + i + 16, scaled((high(pairs) | Backend::widen(fifth + i + 16)) - middle, scale));
    }
  }

  static void decode(const q5_1& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale)), minimum = Backend::set(to_float(in.minimum));
    std::uint8_t fifth[32];
    spread_bits(in.fifth, fifth);
    for (std::size_t i = 0; i < 16; i += lanes) {
      const i32 pairs = Backend::widen(in.quants + i);
      Backend::store(out + i, scaled(low(pairs) | Backend::widen(fifth + i), scale, minimum));
      Backend::store(out + i + 16, scaled(high(pairs) | Backend::widen(fifth + i + 16), scale, minimum));
    }
  }

  static void decode(const iq4_nl& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale));
    std::int8_t levels[32];
    for (std::size_t i = 0; i < 16; ++i) {
      levels[i] = iq4_levels[in.quants[i] & 15];
      levels[i + 16] = iq4_levels[in.quants[i] >> 4];
    }
    for (std::size_t i = 0; i < 32; i += lanes) Backend::store(out + i, scaled(Backend::widen(levels + i), scale));
  }

  /// Scale and negative minimum of a group of 32.
  struct affine {
    f32 scale, offset;
  };
  template <class Block>
  [[nodiscard]] static affine group_of(const Block& in, float scale, float minimum, std::size_t group) noexcept {
    const auto [s, m] = tulu::detail::unpack_k_scale(in.packed, group);
    return {Backend::set(scale * static_cast<float>(s)), Backend::set(-(minimum * static_cast<float>(m)))};
  }

  static void decode(const q4_k& in, float* out) noexcept {
    const float scale = to_float(in.scale), minimum = to_float(in.minimum);
    for (std::size_t pair = 0; pair < 4; ++pair, out += 64) {
      const affine first = group_of(in, scale, minimum, 2 * pair), second = group_of(in, scale, minimum, 2 * pair + 1);
      for (std::size_t i = 0; i < 32; i += lanes) {
        const i32 pairs = Backend::widen(in.quants + 32 * pair + i);
        Backend::store(out + i, scaled(low(pairs), first.scale, first.offset));
        Backend::store(out + i + 32, scaled(high(pairs), second.scale, second.offset));
      }
    }
  }

  static void decode(const q5_k& in, float* out) noexcept {
    const float scale = to_float(in.scale), minimum = to_float(in.minimum);
    const i32 bit = Backend::set_i32(16);
    affine groups[8];
    for (std::size_t g = 0; g < 8; ++g) groups[g] = group_of(in, scale, minimum, g);
    for (std::size_t i = 0; i < 32; i += lanes) {
      i32 fifth = Backend::template shift_left<4>(Backend::widen(in.fifth + i));  // that of group 0 in bit 4
      for (std::size_t g = 0; g < 8; g += 2) {
        const i32 pairs = Backend::widen(in.quants + 16 * g + i);
        Backend::store(out + 32 * g + i, scaled(low(pairs) | (fifth & bit), groups[g].scale, groups[g].offset));
        fifth = Backend::template shift_right<1>(fifth);
        Backend::store(out + 32 * g + 32 + i,
                       scaled(high(pairs) | (fifth & bit), groups[g + 1].scale, groups[g + 1].offset));
        fifth = Backend::template shift_right<1>(fifth);
      }
    }
  }

  static void decode(const q6_k& in, float* out) noexcept {
    const float scale = to_float(in.scale);
    const i32 middle = Backend::set_i32(32), upper = Backend::set_i32(0x30);
    for (std::size_t half = 0; half < 2; ++half, out += 128)
      for (std::size_t i = 0; i < 32; i += lanes) {
        const std::int8_t* const scales = in.scales + 8 * half + i / 16;
        const i32 first = Backend::widen(in.low + 64 * half + i), second = Backend::widen(in.low + 64 * half + 32 + i);
        const i32 bits = Backend::widen(in.high + 32 * half + i);
        const auto put = [&](std::size_t quarter, i32 nibbles, i32 shifted) {
          const f32 own = Backend::set(scale * static_cast<float>(scales[2 * quarter]));
          Backend::store(out + 32 * quarter + i, scaled((nibbles | (shifted & upper)) - middle, own));
        };
        put(0, low(first), Backend::template shift_left<4>(bits));
        put(1, low(second), Backend::template shift_left<2>(bits));
        put(2, high(first), bits);
        put(3, high(second), Backend::template shift_right<2>(bits));
      }
  }
};

}  // namespace detail

/// `count` weights, a multiple of the block, that begin at `blocks`.
template <simd::dot_backend Backend, class Block>
void decode(const Block* blocks, float* out, std::size_t count) noexcept {
  for (; count != 0; count -= Block::block, ++blocks, out += Block::block)
    detail::block_decoder<Backend>::decode(*blocks, out);
}

}  // namespace tulu::kernel
