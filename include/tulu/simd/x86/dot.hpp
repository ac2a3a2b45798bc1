#pragma once

#if defined(__SSE4_2__)

#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include <tulu/scalar/bf16.hpp>

// dot_bf16, dot_u8s8 and the nibbles as portable.hpp has them, one struct per backend.
//
// VPMADDUBSW adds two products in 16 bits and saturates, which 255 × 127 × 2 reaches. So the unsigned bytes are split
// into their low 7 bits and their top bit: 127 × -128 × 2 and 128 × -128 × 2 both fit.
namespace tulu::simd::x86 {

/// sum + product by words or by integers of 32 bits, in the register of the sum: g++ 12 gives a sum of a loop one to be
/// read from and another to be written to, so that a tile of them does not fit.
template <class Register>
[[nodiscard, gnu::always_inline]] inline Register add_words(Register sum, Register product) noexcept {
#if defined(__AVX__)
  __asm__("vpaddw %1, %0, %0" : "+v"(sum) : "v"(product));
#else
  __asm__("paddw %1, %0" : "+x"(sum) : "x"(product));
#endif
  return sum;
}
template <class Register>
[[nodiscard, gnu::always_inline]] inline Register add_i32(Register sum, Register product) noexcept {
#if defined(__AVX__)
  __asm__("vpaddd %1, %0, %0" : "+v"(sum) : "v"(product));
#else
  __asm__("paddd %1, %0" : "+x"(sum) : "x"(product));
#endif
  return sum;
}

struct dot_sse4_2 {
  [[nodiscard]] static __m128i load(const void* from) noexcept {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
  }
  [[nodiscard]] static __m128i set(int bits) noexcept { return _mm_set1_epi32(bits); }
  [[nodiscard]] static __m128i widen(const std::uint8_t* from) noexcept { return _mm_cvtepu8_epi32(four(from)); }
  [[nodiscard]] static __m128i widen(const std::int8_t* from) noexcept { return _mm_cvtepi8_epi32(four(from)); }
  template <int Bits>
  [[nodiscard]] static __m128i shift_right(__m128i a) noexcept {
    return _mm_srli_epi32(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m128i shift_left(__m128i a) noexcept {
    return _mm_slli_epi32(a, Bits);
  }
  [[nodiscard]] static __m128 to_float(__m128i a) noexcept { return _mm_cvtepi32_ps(a); }

  [[nodiscard]] static __m128 even(__m128i pairs) noexcept { return _mm_castsi128_ps(_mm_slli_epi32(pairs, 16)); }
  [[nodiscard]] static __m128 odd(__m128i pairs) noexcept {
    return _mm_castsi128_ps(_mm_and_si128(pairs, _mm_set1_epi32(static_cast<int>(0xffff0000))));
  }
  [[nodiscard]] static __m128 dot_bf16(__m128 sum, __m128i a, __m128i b) noexcept {
    sum = _mm_add_ps(sum, _mm_mul_ps(even(a), even(b)));
    return _mm_add_ps(sum, _mm_mul_ps(odd(a), odd(b)));
  }

  template <int Index>
  [[nodiscard]] static __m128i byte_of(__m128i a) noexcept {
    if constexpr (Index == 0) return _mm_and_si128(a, _mm_set1_epi32(255));
    if constexpr (Index == 3) return shift_right<24>(a);
    return _mm_and_si128(shift_right<8 * Index>(a), _mm_set1_epi32(255));
  }
  template <int Bits>
  [[nodiscard]] static __m128i bytes_up(__m128i a) noexcept {
    return _mm_slli_epi16(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m128i bytes_down(__m128i a) noexcept {
    return _mm_srli_epi16(a, Bits);
  }

  [[nodiscard]] static __m128i dot_u7s8(__m128i sum, __m128i u, __m128i s) noexcept {
    return _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(u, s), _mm_set1_epi16(1)));
  }
  [[nodiscard]] static __m128i dot_u8s8(__m128i sum, __m128i u, __m128i s) noexcept {
    const __m128i top = _mm_set1_epi8(static_cast<char>(0x80)), one = _mm_set1_epi16(1);
    const __m128i low_sums = _mm_madd_epi16(_mm_maddubs_epi16(_mm_andnot_si128(top, u), s), one);
    const __m128i top_sums = _mm_madd_epi16(_mm_maddubs_epi16(_mm_and_si128(top, u), s), one);
    return _mm_add_epi32(sum, _mm_add_epi32(low_sums, top_sums));
  }

  [[nodiscard]] static __m128i dot_bytes(__m128i sum, __m128i u, __m128i s) noexcept {
    return add_words(sum, _mm_maddubs_epi16(u, s));
  }
  [[nodiscard]] static __m128i sum_words(__m128i a) noexcept { return _mm_madd_epi16(a, _mm_set1_epi16(1)); }
  [[nodiscard]] static __m128i mul_words(__m128i a, __m128i b) noexcept {
    const __m128i low = _mm_and_si128(b, _mm_set1_epi32(0xffff));
    return _mm_mullo_epi16(a, _mm_or_si128(low, shift_left<16>(b)));
  }
  [[nodiscard]] static __m128i dot_words(__m128i sum, __m128i a, __m128i b) noexcept {
    return add_i32(sum, _mm_madd_epi16(a, b));
  }

  [[nodiscard]] static __m128i low_nibbles(__m128i a) noexcept { return _mm_and_si128(a, _mm_set1_epi8(0x0f)); }
  [[nodiscard]] static __m128i high_nibbles(__m128i a) noexcept { return low_nibbles(_mm_srli_epi16(a, 4)); }

 private:
  [[nodiscard]] static __m128i four(const void* from) noexcept {
    int bits = 0;
    std::memcpy(&bits, from, sizeof(bits));
    return _mm_cvtsi32_si128(bits);
  }
};

#if defined(__AVX2__) && defined(__FMA__)

struct dot_avx2 {
  [[nodiscard]] static __m256i load(const void* from) noexcept {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  [[nodiscard]] static __m256i set(int bits) noexcept { return _mm256_set1_epi32(bits); }
  [[nodiscard]] static __m256i widen(const std::uint8_t* from) noexcept { return _mm256_cvtepu8_epi32(eight(from)); }
  [[nodiscard]] static __m256i widen(const std::int8_t* from) noexcept { return _mm256_cvtepi8_epi32(eight(from)); }
  template <int Bits>
  [[nodiscard]] static __m256i shift_right(__m256i a) noexcept {
    return _mm256_srli_epi32(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m256i shift_left(__m256i a) noexcept {
    return _mm256_slli_epi32(a, Bits);
  }
  [[nodiscard]] static __m256 to_float(__m256i a) noexcept { return _mm256_cvtepi32_ps(a); }

  [[nodiscard]] static __m256 even(__m256i pairs) noexcept { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
  [[nodiscard]] static __m256 odd(__m256i pairs) noexcept {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
  [[nodiscard]] static __m256 dot_bf16(__m256 sum, __m256i a, __m256i b) noexcept {
    return _mm256_fmadd_ps(odd(a), odd(b), _mm256_fmadd_ps(even(a), even(b), sum));
  }

  template <int Index>
  [[nodiscard]] static __m256i byte_of(__m256i a) noexcept {
    if constexpr (Index == 0) return _mm256_and_si256(a, _mm256_set1_epi32(255));
    if constexpr (Index == 3) return shift_right<24>(a);
    return _mm256_and_si256(shift_right<8 * Index>(a), _mm256_set1_epi32(255));
  }
  template <int Bits>
  [[nodiscard]] static __m256i bytes_up(__m256i a) noexcept {
    return _mm256_slli_epi16(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m256i bytes_down(__m256i a) noexcept {
    return _mm256_srli_epi16(a, Bits);
  }

  [[nodiscard]] static __m256i dot_u7s8(__m256i sum, __m256i u, __m256i s) noexcept {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
  }
  [[nodiscard]] static __m256i dot_u8s8(__m256i sum, __m256i u, __m256i s) noexcept {
    const __m256i top = _mm256_set1_epi8(static_cast<char>(0x80)), one = _mm256_set1_epi16(1);
    const __m256i low_sums = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_andnot_si256(top, u), s), one);
    const __m256i top_sums = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_and_si256(top, u), s), one);
    return _mm256_add_epi32(sum, _mm256_add_epi32(low_sums, top_sums));
  }

  [[nodiscard]] static __m256i dot_bytes(__m256i sum, __m256i u, __m256i s) noexcept {
    return add_words(sum, _mm256_maddubs_epi16(u, s));
  }
  [[nodiscard]] static __m256i sum_words(__m256i a) noexcept { return _mm256_madd_epi16(a, _mm256_set1_epi16(1)); }
  [[nodiscard]] static __m256i mul_words(__m256i a, __m256i b) noexcept {
    const __m256i low = _mm256_and_si256(b, _mm256_set1_epi32(0xffff));
    return _mm256_mullo_epi16(a, _mm256_or_si256(low, shift_left<16>(b)));
  }
  [[nodiscard]] static __m256i dot_words(__m256i sum, __m256i a, __m256i b) noexcept {
    return add_i32(sum, _mm256_madd_epi16(a, b));
  }

  [[nodiscard]] static __m256i low_nibbles(__m256i a) noexcept { return _mm256_and_si256(a, _mm256_set1_epi8(0x0f)); }
  [[nodiscard]] static __m256i high_nibbles(__m256i a) noexcept { return low_nibbles(_mm256_srli_epi16(a, 4)); }

 private:
  [[nodiscard]] static __m128i eight(const void* from) noexcept {
    return _mm_loadl_epi64(static_cast<const __m128i*>(from));
  }
};

#endif

#if defined(__AVX2__) && defined(__FMA__) && defined(__AVXVNNI__)

struct dot_avx2_vnni : dot_avx2 {
  [[nodiscard]] static __m256i dot_u8s8(__m256i sum, __m256i u, __m256i s) noexcept {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u), "x"(s));  // see add_words
    return sum;
  }
  [[nodiscard]] static __m256i dot_u7s8(__m256i sum, __m256i u, __m256i s) noexcept { return dot_u8s8(sum, u, s); }
};

#endif

#if defined(__AVX512F__) && defined(__AVX512BW__)

struct dot_avx512 {
  [[nodiscard]] static __m512i load(const void* from) noexcept { return _mm512_loadu_si512(from); }
  [[nodiscard]] static __m512i set(int bits) noexcept { return _mm512_set1_epi32(bits); }
  [[nodiscard]] static __m512i widen(const std::uint8_t* from) noexcept {
    return _mm512_maskz_cvtepu8_epi32(0xffff, dot_sse4_2::load(from));
  }
  [[nodiscard]] static __m512i widen(const std::int8_t* from) noexcept {
    return _mm512_maskz_cvtepi8_epi32(0xffff, dot_sse4_2::load(from));
  }
  template <int Bits>
  [[nodiscard]] static __m512i shift_right(__m512i a) noexcept {
    return _mm512_maskz_srli_epi32(0xffff, a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m512i shift_left(__m512i a) noexcept {
    return _mm512_maskz_slli_epi32(0xffff, a, Bits);
  }
  [[nodiscard]] static __m512 to_float(__m512i a) noexcept { return _mm512_maskz_cvtepi32_ps(0xffff, a); }

  [[nodiscard]] static __m512 even(__m512i pairs) noexcept {
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xffff, pairs, 16));
  }
  [[nodiscard]] static __m512 odd(__m512i pairs) noexcept {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
  [[nodiscard]] static __m512 dot_bf16(__m512 sum, __m512i a, __m512i b) noexcept {
    return _mm512_fmadd_ps(odd(a), odd(b), _mm512_fmadd_ps(even(a), even(b), sum));
  }

  template <int Index>
  [[nodiscard]] static __m512i byte_of(__m512i a) noexcept {
    if constexpr (Index == 0) return _mm512_and_si512(a, _mm512_set1_epi32(255));
    if constexpr (Index == 3) return shift_right<24>(a);
    return _mm512_and_si512(shift_right<8 * Index>(a), _mm512_set1_epi32(255));
  }
  template <int Bits>
  [[nodiscard]] static __m512i bytes_up(__m512i a) noexcept {
    return _mm512_slli_epi16(a, Bits);
  }
  template <int Bits>
  [[nodiscard]] static __m512i bytes_down(__m512i a) noexcept {
    return _mm512_srli_epi16(a, Bits);
  }

  [[nodiscard]] static __m512i dot_u7s8(__m512i sum, __m512i u, __m512i s) noexcept {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1)));
  }
  [[nodiscard]] static __m512i dot_u8s8(__m512i sum, __m512i u, __m512i s) noexcept {
    const __m512i rest = _mm512_set1_epi8(0x7f), top = _mm512_set1_epi8(static_cast<char>(0x80));
    const __m512i one = _mm512_set1_epi16(1);
    const __m512i low_sums = _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_and_si512(rest, u), s), one);
    const __m512i top_sums = _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_and_si512(top, u), s), one);
    return _mm512_add_epi32(sum, _mm512_add_epi32(low_sums, top_sums));
  }

  [[nodiscard]] static __m512i dot_bytes(__m512i sum, __m512i u, __m512i s) noexcept {
    return add_words(sum, _mm512_maddubs_epi16(u, s));
  }
  [[nodiscard]] static __m512i sum_words(__m512i a) noexcept { return _mm512_madd_epi16(a, _mm512_set1_epi16(1)); }
  [[nodiscard]] static __m512i mul_words(__m512i a, __m512i b) noexcept {
    const __m512i low = _mm512_and_si512(b, _mm512_set1_epi32(0xffff));
    return _mm512_mullo_epi16(a, _mm512_or_si512(low, shift_left<16>(b)));
  }
  [[nodiscard]] static __m512i dot_words(__m512i sum, __m512i a, __m512i b) noexcept {
    return add_i32(sum, _mm512_madd_epi16(a, b));
  }

  [[nodiscard]] static __m512i low_nibbles(__m512i a) noexcept { return _mm512_and_si512(a, _mm512_set1_epi8(0x0f)); }
  [[nodiscard]] static __m512i high_nibbles(__m512i a) noexcept { return low_nibbles(_mm512_srli_epi16(a, 4)); }
};

#endif

#if defined(__AVX512VNNI__) && defined(__AVX512BF16__)

struct dot_avx512_vnni_bf16 : dot_avx512 {
  [[nodiscard]] static __m512 dot_bf16(__m512 sum, __m512i a, __m512i b) noexcept {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  [[nodiscard]] static __m512i dot_u8s8(__m512i sum, __m512i u, __m512i s) noexcept {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));  // see add_words
    return sum;
  }
  [[nodiscard]] static __m512i dot_u7s8(__m512i sum, __m512i u, __m512i s) noexcept { return dot_u8s8(sum, u, s); }
  static void store_pair(bf16* to, __m512 even, __m512 odd) noexcept {
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(odd, even);  // the even ones, then the odd ones
    const __m512i order = _mm512_or_si512(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        _mm512_slli_epi32(_mm512_setr_epi32(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31), 16));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, halves));
  }
};

#endif

}  // namespace tulu::simd::x86

#endif  // defined(__SSE4_2__)
