#pragma once

#if defined(__aarch64__)

#include <cstdint>
#include <cstring>

#include <arm_neon.h>

#include <tulu/scalar/bf16.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu::simd::arm {

/// A register from elements of any type.
template <class Register>
[[nodiscard]] Register read(const void* from) noexcept {
  Register value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// f16 and bf16 to and from registers of floats, exactly as the functions of scalar/ do it: NaNs in c10's way.
struct float16_neon64 {
  [[nodiscard]] static float32x4_t load(const f16* from) noexcept { return vcvt_f32_f16(read<float16x4_t>(from)); }
  [[nodiscard]] static float32x4_t load(const bf16* from) noexcept {
    return vreinterpretq_f32_u32(vshll_n_u16(read<uint16x4_t>(from), 16));
  }

  static void store(f16* to, float32x4_t value) noexcept {
    const uint32x4_t bits = vreinterpretq_u32_f32(value);
    const uint32x4_t quiet = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x80000000)), vdupq_n_u32(0x7fc00000));
    const uint32x4_t chosen = vbslq_u32(vceqq_f32(value, value), bits, quiet);
    const float16x4_t result = vcvt_f16_f32(vreinterpretq_f32_u32(chosen));
    std::memcpy(to, &result, sizeof(result));
  }
  static void store(bf16* to, float32x4_t value) noexcept {
    const uint32x4_t bits = vreinterpretq_u32_f32(value);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t sum = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t words = vbslq_u32(vceqq_f32(value, value), vshrq_n_u32(sum, 16), vdupq_n_u32(0x7fc0));
    const uint16x4_t result = vmovn_u32(words);
    std::memcpy(to, &result, sizeof(result));
  }
};

/// dot_bf16, dot_u8s8 and the nibbles as portable.hpp has them, with what every aarch64 has.
struct dot_neon64 {
  /// A register of bytes; that of pairs is made of it.
  struct raw {
    uint8x16_t value;
    operator uint8x16_t() const noexcept { return value; }
    operator uint16x8_t() const noexcept { return vreinterpretq_u16_u8(value); }
  };

  [[nodiscard]] static raw load(const void* from) noexcept { return {read<uint8x16_t>(from)}; }
  [[nodiscard]] static raw set(int bits) noexcept { return {vreinterpretq_u8_s32(vdupq_n_s32(bits))}; }
  [[nodiscard]] static int32x4_t widen(const std::uint8_t* from) noexcept {
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four<uint8x8_t>(from)))));
  }
  [[nodiscard]] static int32x4_t widen(const std::int8_t* from) noexcept {
    return vmovl_s16(vget_low_s16(vmovl_s8(four<int8x8_t>(from))));
  }
  template <int Bits>
  [[nodiscard]] static int32x4_t shift_right(int32x4_t a) noexcept {
    return vshrq_n_s32(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static int32x4_t shift_left(int32x4_t a) noexcept {
    return vshlq_n_s32(a, Bits);
  }
  [[nodiscard]] static float32x4_t to_float(int32x4_t a) noexcept { return vcvtq_f32_s32(a); }

  [[nodiscard]] static float32x4_t even(uint16x8_t pairs) noexcept {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u16(pairs), 16));
  }
  [[nodiscard]] static float32x4_t odd(uint16x8_t pairs) noexcept {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_u16(pairs), vdupq_n_u32(0xffff0000)));
  }
  [[nodiscard]] static float32x4_t dot_bf16(float32x4_t sum, uint16x8_t a, uint16x8_t b) noexcept {
    return vfmaq_f32(vfmaq_f32(sum, even(a), even(b)), odd(a), odd(b));
  }

  template <int Index>
  [[nodiscard]] static int32x4_t byte_of(uint8x16_t a) noexcept {
    uint32x4_t bits = vreinterpretq_u32_u8(a);
    if constexpr (Index != 0) bits = vshrq_n_u32(bits, 8 * Index);
    return vreinterpretq_s32_u32(vandq_u32(bits, vdupq_n_u32(255)));
  }
  template <int Bits>
  [[nodiscard]] static raw bytes_up(uint8x16_t a) noexcept {
    return {vshlq_u8(a, vdupq_n_s8(Bits))};
  }
  template <int Bits>
  [[nodiscard]] static raw bytes_down(uint8x16_t a) noexcept {
    return {vshlq_u8(a, vdupq_n_s8(-Bits))};
  }

  [[nodiscard]] static int32x4_t dot_u7s8(int32x4_t sum, uint8x16_t u, uint8x16_t s) noexcept {
    return dot_u8s8(sum, u, s);
  }
  [[nodiscard]] static int32x4_t dot_u8s8(int32x4_t sum, uint8x16_t u, uint8x16_t s) noexcept {
    const int8x16_t with_sign = vreinterpretq_s8_u8(s);
    const auto pair_sums = [](uint8x8_t left, int8x8_t right) {
      const int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(left)), b = vmovl_s8(right);
      return vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
    };
    const int32x4_t first = pair_sums(vget_low_u8(u), vget_low_s8(with_sign));
    const int32x4_t second = pair_sums(vget_high_u8(u), vget_high_s8(with_sign));
    return vaddq_s32(sum, vpaddq_s32(first, second));
  }

  [[nodiscard]] static uint8x16_t low_nibbles(uint8x16_t a) noexcept { return vandq_u8(a, vdupq_n_u8(0x0f)); }
  [[nodiscard]] static uint8x16_t high_nibbles(uint8x16_t a) noexcept { return vshrq_n_u8(a, 4); }

 private:
  template <class Register>
  [[nodiscard]] static Register four(const void* from) noexcept {
    Register value{};
    std::memcpy(&value, from, 4);
    return value;
  }
};

#if defined(__ARM_FEATURE_DOTPROD)

/// With SDOT, for which the unsigned bytes are made signed: u × s = (u - 128) × s + 128 × s.
struct dot_neon64_dotprod : dot_neon64 {
  [[nodiscard]] static int32x4_t dot_u7s8(int32x4_t sum, uint8x16_t u, uint8x16_t s) noexcept {
    return vdotq_s32(sum, vreinterpretq_s8_u8(u), vreinterpretq_s8_u8(s));
  }
  [[nodiscard]] static int32x4_t dot_u8s8(int32x4_t sum, uint8x16_t u, uint8x16_t s) noexcept {
    const int32x4_t sums = vdotq_s32(vdupq_n_s32(0), vdupq_n_s8(1), vreinterpretq_s8_u8(s));
    return dot_u7s8(vaddq_s32(sum, vshlq_n_s32(sums, 7)), veorq_u8(u, vdupq_n_u8(0x80)), s);
  }
};

#endif

}  // namespace tulu::simd::arm

#endif  // defined(__aarch64__)
