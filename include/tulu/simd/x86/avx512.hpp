#pragma once

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include <immintrin.h>

namespace tulu::simd::x86 {

/// What the avx512 backend does not take from xsimd, whose 8.1 multiplies and adds instead of fma, and sums by way of
/// functions of its avx2 that other translation units compile with other flags. The _maskz forms with all lanes chosen:
/// the plain ones warn of an uninitialised value in g++ 12.
struct avx512_math {
  [[nodiscard]] static __m512 fma(__m512 a, __m512 b, __m512 c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  [[nodiscard]] static __m512 max(__m512 a, __m512 b) noexcept { return _mm512_maskz_max_ps(all, a, b); }

  /// e^x = 2^n × e^r, |r| ≤ ln 2 / 2, the polynomial of Cephes (Moshier 1992). Subnormal results are exact to half a
  /// unit; a NaN stays one.
  [[nodiscard]] static __m512 exp(__m512 x) noexcept {
    const auto set = [](float value) { return _mm512_set1_ps(value); };
    x = _mm512_maskz_max_ps(all, set(-120), _mm512_maskz_min_ps(all, set(120), x));  // the second operand if it is NaN
    const __m512 n = _mm512_maskz_roundscale_ps(all, _mm512_mul_ps(x, set(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, set(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, set(-2.12194440e-4f), r);
    __m512 p = set(1.9875691500e-4f);
    for (const float coefficient :
         {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
      p = _mm512_fmadd_ps(p, r, set(coefficient));
    p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), set(1));
    return _mm512_maskz_scalef_ps(all, p, n);
  }

  /// Halves are added until one element is left.
  [[nodiscard]] static float sum(__m512 a) noexcept {
    const __m256 low = _mm512_maskz_extractf32x8_ps(0xff, a, 0), high = _mm512_maskz_extractf32x8_ps(0xff, a, 1);
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static constexpr __mmask16 all = 0xffff;
};

}  // namespace tulu::simd::x86

#endif  // defined(__AVX512F__) && defined(__AVX512DQ__)
