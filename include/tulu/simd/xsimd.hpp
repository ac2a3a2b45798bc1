#pragma once

// Defines the backends for which this translation unit has the compiler flags: sse4_2 (-msse4.2), avx2 (-mavx2 -mfma
// -mf16c), avx512 (those and -mavx512{f,cd,bw,dq,vl}).
#if defined(__SSE4_2__)

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <tulu/simd/backend.hpp>
#include <tulu/simd/x86/float16.hpp>

namespace tulu::simd {

/// A backend over an xsimd architecture; `Float16` converts the 16-bit types, which xsimd does not know. Uses what
/// xsimd 8.1 and 14 have in common.
template <class Arch, class Float16>
struct xsimd_backend {
  using f32 = xsimd::batch<float, Arch>;
  static constexpr std::size_t lanes = f32::size;

  [[nodiscard]] static f32 load(const float* from) noexcept { return f32::load_unaligned(from); }
  template <weight_scalar T>
  [[nodiscard]] static f32 load(const T* from) noexcept {
    return f32(Float16::load(from));
  }
  static void store(float* to, f32 value) noexcept { value.store_unaligned(to); }
  template <weight_scalar T>
  static void store(T* to, f32 value) noexcept {
    Float16::store(to, value);
  }

  [[nodiscard]] static f32 add(f32 a, f32 b) noexcept { return a + b; }
  [[nodiscard]] static f32 sub(f32 a, f32 b) noexcept { return a - b; }
};

struct sse4_2 : xsimd_backend<xsimd::sse4_2, x86::float16_sse4_2> {
  static constexpr const char* name = "sse4_2";
};
static_assert(backend<sse4_2>);

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define TULU_SIMD_AVX2 1
struct avx2 : xsimd_backend<xsimd::fma3<xsimd::avx2>, x86::float16_avx2> {
  static constexpr const char* name = "avx2";
};
static_assert(backend<avx2>);
#endif

#if defined(TULU_SIMD_AVX2) && defined(__AVX512F__) && defined(__AVX512CD__) && defined(__AVX512BW__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__)
#define TULU_SIMD_AVX512 1
struct avx512 : xsimd_backend<xsimd::avx512bw, x86::float16_avx512> {
  static constexpr const char* name = "avx512";
};
static_assert(backend<avx512>);
#endif

}  // namespace tulu::simd

#endif  // defined(__SSE4_2__)
