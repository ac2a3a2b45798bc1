#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/traits.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::simd {

/// Plain C++, one element at a time: runs everywhere, and says what the other backends must give bit for bit.
struct portable {
  static constexpr const char* name = "portable";
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t tile_rows = 4;
  static constexpr std::size_t tile_registers = 4;
  static constexpr std::size_t registers = 16;
  using f32 = float;

  template <weight_scalar T>
  [[nodiscard]] static f32 load(const T* from) noexcept {
    return to_float(*from);
  }
  template <weight_scalar T>
  static void load_two(const T* from, f32& first, f32& second) noexcept {
    first = load(from);
    second = load(from + 1);
  }
  template <weight_scalar T>
  static void arrange(f32&, f32&) noexcept {}
  template <weight_scalar T>
  static void store(T* to, f32 value) noexcept {
    *to = from_float<T>(value);
  }

  [[nodiscard]] static f32 add(f32 a, f32 b) noexcept { return a + b; }
  [[nodiscard]] static f32 sub(f32 a, f32 b) noexcept { return a - b; }
  [[nodiscard]] static f32 mul(f32 a, f32 b) noexcept { return a * b; }
  [[nodiscard]] static f32 div(f32 a, f32 b) noexcept { return a / b; }
  [[nodiscard]] static f32 max(f32 a, f32 b) noexcept { return a < b ? b : a; }
  [[nodiscard]] static f32 fma(f32 a, f32 b, f32 c) noexcept { return a * b + c; }
  [[nodiscard]] static f32 exp(f32 a) noexcept { return std::exp(a); }
  [[nodiscard]] static f32 set(float value) noexcept { return value; }
  [[nodiscard]] static float sum(f32 a) noexcept { return a; }

  using pairs = std::array<bf16, 2>;
  using bytes = std::array<std::uint8_t, 4>;
  using i32 = std::int32_t;

  [[nodiscard]] static pairs load_pairs(const bf16* from) noexcept { return {from[0], from[1]}; }
  [[nodiscard]] static pairs set_pair(const bf16* from) noexcept { return load_pairs(from); }
  [[nodiscard]] static bytes load_bytes(const std::uint8_t* from) noexcept {
    return {from[0], from[1], from[2], from[3]};
  }
  [[nodiscard]] static bytes load_bytes(const std::int8_t* from) noexcept {
    return load_bytes(reinterpret_cast<const std::uint8_t*>(from));
  }
  [[nodiscard]] static bytes set_bytes(const std::int8_t* from) noexcept { return load_bytes(from); }
  static void store_bytes(std::uint8_t* to, bytes value) noexcept {
    for (std::size_t k = 0; k < 4; ++k) to[k] = value[k];
  }
  [[nodiscard]] static i32 widen(const std::uint8_t* from) noexcept { return *from; }
  [[nodiscard]] static i32 widen(const std::int8_t* from) noexcept { return *from; }
  template <int Bits>
  [[nodiscard]] static i32 shift_right(i32 value) noexcept {
    return value >> Bits;
  }
  template <int Bits>
  [[nodiscard]] static i32 shift_left(i32 value) noexcept {
    return value << Bits;
  }
  [[nodiscard]] static i32 set_i32(std::int32_t value) noexcept { return value; }
  [[nodiscard]] static f32 to_f32(i32 value) noexcept { return static_cast<f32>(value); }

  /// sum + a[0] × b[0] + a[1] × b[1] in float. Other backends round fewer of the four operations, or add the products
  /// in the other order, and avx512_vnni_bf16 takes subnormal numbers, its results among them, for zero.
  [[nodiscard]] static f32 dot_bf16(f32 sum, pairs a, pairs b) noexcept {
    return fma(to_float(a[1]), to_float(b[1]), fma(to_float(a[0]), to_float(b[0]), sum));
  }

  /// sum + Σ u[k] × s[k] over the four elements, u without sign and s with; modulo 2^32, everything exact.
  [[nodiscard]] static i32 dot_u8s8(i32 sum, bytes u, bytes s) noexcept {
    auto total = static_cast<std::uint32_t>(sum);
    for (std::size_t k = 0; k < 4; ++k) total += static_cast<std::uint32_t>(u[k] * static_cast<std::int8_t>(s[k]));
    return static_cast<i32>(total);
  }

  /// The same, which for u up to 127 takes less on some processors.
  [[nodiscard]] static i32 dot_u7s8(i32 sum, bytes u, bytes s) noexcept { return dot_u8s8(sum, u, s); }

  template <int Index>
  [[nodiscard]] static i32 byte_of(bytes a) noexcept {
    return a[Index];
  }
  [[nodiscard]] static bytes either(bytes a, bytes b) noexcept {
    for (std::size_t k = 0; k < 4; ++k) a[k] |= b[k];
    return a;
  }

  /// (a << Bits) & mask and (a >> Bits) & mask of each byte. The mask has no bit that a shift within the byte leaves
  /// empty: what comes into those is not said.
  template <int Bits>
  [[nodiscard]] static bytes bits_up(bytes a, std::uint8_t mask) noexcept {
    for (std::uint8_t& element : a) element = static_cast<std::uint8_t>((element << Bits) & mask);
    return a;
  }
  template <int Bits>
  [[nodiscard]] static bytes bits_down(bytes a, std::uint8_t mask) noexcept {
    for (std::uint8_t& element : a) element = static_cast<std::uint8_t>((element >> Bits) & mask);
    return a;
  }

  /// The lower and the upper four bits of each byte.
  [[nodiscard]] static bytes low_nibbles(bytes a) noexcept {
    for (std::uint8_t& element : a) element &= 0x0f;
    return a;
  }
  [[nodiscard]] static bytes high_nibbles(bytes a) noexcept {
    for (std::uint8_t& element : a) element = static_cast<std::uint8_t>(element >> 4);
    return a;
  }
};

static_assert(dot_backend<portable>);

}  // namespace tulu::simd
