#pragma once

#if defined(__SSE4_2__)

#include <immintrin.h>

#include <tulu/scalar/bf16.hpp>
#include <tulu/scalar/f16.hpp>

// f16 and bf16 to and from registers of floats, one struct per backend, exactly as the functions of scalar/ do it:
// rounding to nearest even in integers, because VCVTNEPS2BF16 takes denormals for zero, and NaNs in c10's way.
namespace tulu::simd::x86 {

struct float16_sse4_2 {
  [[nodiscard]] static __m128 load(const bf16* from) noexcept {
    return _mm_castsi128_ps(_mm_slli_epi32(widen(from), 16));
  }

  [[nodiscard]] static __m128 load(const f16* from) noexcept {
    const __m128i bits = widen(from);
    const __m128i sign = _mm_slli_epi32(_mm_and_si128(bits, _mm_set1_epi32(0x8000)), 16);
    const __m128i magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7fff));
    const __m128i bias = _mm_set1_epi32(112 << 23);
    __m128i value = _mm_add_epi32(_mm_slli_epi32(magnitude, 13), bias);
    value = _mm_add_epi32(value, _mm_and_si128(bias, _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7bff))));
    value = _mm_or_si128(value,
                         _mm_and_si128(_mm_set1_epi32(0x00400000), _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7c00))));
    const __m128 half = _mm_set1_ps(0.5f);  // one unit of 0.5f is 2^-24
    const __m128 subnormal = _mm_sub_ps(_mm_or_ps(_mm_castsi128_ps(magnitude), half), half);
    value = _mm_blendv_epi8(value, _mm_castps_si128(subnormal), _mm_cmplt_epi32(magnitude, _mm_set1_epi32(0x0400)));
    return _mm_castsi128_ps(_mm_or_si128(value, sign));
  }

  static void store(bf16* to, __m128 value) noexcept {
    const __m128i bits = _mm_castps_si128(value);
    const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
    const __m128i rounded = _mm_srli_epi32(_mm_add_epi32(bits, _mm_add_epi32(odd, _mm_set1_epi32(0x7fff))), 16);
    const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(value, value));
    narrow(to, _mm_blendv_epi8(rounded, _mm_set1_epi32(0x7fc0), nan));
  }

  [[gnu::always_inline]] static void store(f16* to, __m128 value) noexcept {
    const __m128i bits = _mm_castps_si128(value);
    const __m128i magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff));
    const __m128i odd = _mm_and_si128(_mm_srli_epi32(magnitude, 13), _mm_set1_epi32(1));
    const __m128i shifted = _mm_add_epi32(magnitude, _mm_add_epi32(odd, _mm_set1_epi32(0x0fff - (112 << 23))));
    __m128i result = _mm_srli_epi32(shifted, 13);
    const __m128 half = _mm_set1_ps(0.5f);
    const __m128i subnormal =
        _mm_sub_epi32(_mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(magnitude), half)), _mm_castps_si128(half));
    result = _mm_blendv_epi8(result, subnormal, _mm_cmplt_epi32(magnitude, _mm_set1_epi32(0x38800000)));
    result = _mm_blendv_epi8(result, _mm_set1_epi32(0x7c00), _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x477fefff)));
    result = _mm_blendv_epi8(result, _mm_set1_epi32(0x7e00), _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7f800000)));
    narrow(to, _mm_or_si128(result, _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(0x8000))));
  }

 private:
  [[nodiscard]] static __m128i widen(const void* from) noexcept {
    return _mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(from)));
  }
  static void narrow(void* to, __m128i words) noexcept {
    _mm_storel_epi64(static_cast<__m128i*>(to), _mm_packus_epi32(words, words));
  }
};

#if defined(__AVX2__) && defined(__F16C__)

struct float16_avx2 {
  [[nodiscard]] static __m256 load(const f16* from) noexcept { return _mm256_cvtph_ps(read(from)); }
  [[nodiscard]] static __m256 load(const bf16* from) noexcept {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(read(from)), 16));
  }

  /// Sixteen elements: 0 to 3 and 8 to 11, and 4 to 7 and 12 to 15. One shuffle each, where `load` takes two steps.
  static void load_two(const bf16* from, __m256& first, __m256& second) noexcept {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    first = _mm256_castsi256_ps(_mm256_unpacklo_epi16(_mm256_setzero_si256(), words));
    second = _mm256_castsi256_ps(_mm256_unpackhi_epi16(_mm256_setzero_si256(), words));
  }
  /// Sixteen floats in the order of load_two.
  static void arrange(__m256& first, __m256& second) noexcept {
    const __m256 low = _mm256_permute2f128_ps(first, second, 0x20);
    second = _mm256_permute2f128_ps(first, second, 0x31);
    first = low;
  }

  static void store(f16* to, __m256 value) noexcept {
    const __m256 nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    const __m256 quiet =
        _mm256_or_ps(_mm256_and_ps(value, _mm256_set1_ps(-0.0f)), _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)));
    write(to, _mm256_cvtps_ph(_mm256_blendv_ps(value, quiet, nan), _MM_FROUND_TO_NEAREST_INT));
  }
  static void store(bf16* to, __m256 value) noexcept {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256i words = _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16), _mm256_set1_epi32(0x7fc0), nan);
    write(to, _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }

 private:
  [[nodiscard]] static __m128i read(const void* from) noexcept {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
  }
  static void write(void* to, __m128i words) noexcept { _mm_storeu_si128(static_cast<__m128i*>(to), words); }
};

#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

// The _maskz forms with all lanes chosen: the plain ones warn of an uninitialised value in g++ 12.
struct float16_avx512 {
  [[nodiscard]] static __m512 load(const f16* from) noexcept { return _mm512_maskz_cvtph_ps(all, read(from)); }
  [[nodiscard]] static __m512 load(const bf16* from) noexcept {
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(all, _mm512_maskz_cvtepu16_epi32(all, read(from)), 16));
  }

  static void store(f16* to, __m512 value) noexcept {
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m512 sign = _mm512_and_ps(value, _mm512_set1_ps(-0.0f));
    const __m512 quiet = _mm512_mask_or_ps(value, nan, sign, _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)));
    write(to, _mm512_maskz_cvtps_ph(all, quiet, _MM_FROUND_TO_NEAREST_INT));
  }
  static void store(bf16* to, __m512 value) noexcept {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_maskz_srli_epi32(all, bits, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m512i words = _mm512_mask_mov_epi32(_mm512_maskz_srli_epi32(all, sum, 16), nan, _mm512_set1_epi32(0x7fc0));
    write(to, _mm512_maskz_cvtepi32_epi16(all, words));
  }

 private:
  static constexpr __mmask16 all = 0xffff;

  [[nodiscard]] static __m256i read(const void* from) noexcept {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  static void write(void* to, __m256i words) noexcept { _mm256_storeu_si256(static_cast<__m256i*>(to), words); }
};

#endif

}  // namespace tulu::simd::x86

#endif  // defined(__SSE4_2__)
