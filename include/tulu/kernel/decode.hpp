#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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

  [[nodiscard]] static i32 low(i32 bytes) noexcept { return bytes & Backend::set_i32(15); }
  template <int Count>
  [[nodiscard]] static i32 shifted(i32 a) noexcept {
    return Backend::template shift_right<Count>(a);
  }
  [[nodiscard]] static i32 high(i32 bytes) noexcept { return shifted<4>(bytes); }
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
    constexpr std::uint64_t ones = 0x0101010101010101, each = 0x8040201008040201;  // bit i of byte i
    for (std::size_t i = 0; i < 4; ++i) {
      // A byte that is not zero carries into its highest bit.
      const std::uint64_t spread = ((((bits[i] * ones) & each) + 0x7f * ones) & (0x80 * ones)) >> 3;
      std::memcpy(out + 8 * i, &spread, sizeof spread);
    }
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

  /// iq4_nl::levels, for this backend alone: an object that others have too must not be named by its code.
  struct level_table {
    std::int8_t of[16];
  };
  [[nodiscard]] static consteval level_table copy_levels() noexcept {
    level_table table{};
    for (std::size_t i = 0; i < 16; ++i) table.of[i] = iq4_nl::levels[i];
    return table;
  }
  static constexpr level_table level_copies = copy_levels();

  static void decode(const iq4_nl& in, float* out) noexcept {
    const f32 scale = Backend::set(to_float(in.scale));
    std::int8_t levels[32];
    for (std::size_t i = 0; i < 16; ++i) {
      levels[i] = level_copies.of[in.quants[i] & 15];
      levels[i + 16] = level_copies.of[in.quants[i] >> 4];
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
    decode_pair<0>(in, out);
    decode_pair<1>(in, out + 64);
    decode_pair<2>(in, out + 128);
    decode_pair<3>(in, out + 192);
  }
  /// Groups 2 × Pair and the next.
  template <int Pair>
  static void decode_pair(const q5_k& in, float* out) noexcept {
    const float scale = to_float(in.scale), minimum = to_float(in.minimum);
    const i32 bit = Backend::set_i32(16);
    const affine first = group_of(in, scale, minimum, 2 * Pair), second = group_of(in, scale, minimum, 2 * Pair + 1);
    for (std::size_t i = 0; i < 32; i += lanes) {
      const i32 pairs = Backend::widen(in.quants + 32 * Pair + i);
      const i32 fifth = Backend::template shift_left<4>(Backend::widen(in.fifth + i));
      Backend::store(out + i, scaled(low(pairs) | (shifted<2 * Pair>(fifth) & bit), first.scale, first.offset));
      Backend::store(out + i + 32,
                     scaled(high(pairs) | (shifted<2 * Pair + 1>(fifth) & bit), second.scale, second.offset));
    }
  }

  static void decode(const q6_k& in, float* out) noexcept {
    const float scale = to_float(in.scale);
    const i32 middle = Backend::set_i32(32), three = Backend::set_i32(3);
    for (std::size_t half = 0; half < 2; ++half, out += 128)
      for (std::size_t i = 0; i < 32; i += lanes) {
        const std::int8_t* const scales = in.scales + 8 * half + i / 16;
        const i32 first = Backend::widen(in.low + 64 * half + i), second = Backend::widen(in.low + 64 * half + 32 + i);
        const i32 upper = Backend::widen(in.high + 32 * half + i);
        const auto put = [&](std::size_t quarter, i32 nibbles, i32 bits) {
          const f32 own = Backend::set(scale * static_cast<float>(scales[2 * quarter]));
          Backend::store(out + 32 * quarter + i,
                         scaled((nibbles | Backend::template shift_left<4>(bits & three)) - middle, own));
        };
        put(0, low(first), upper);
        put(1, low(second), shifted<2>(upper));
        put(2, high(first), shifted<4>(upper));
        put(3, high(second), shifted<6>(upper));
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
