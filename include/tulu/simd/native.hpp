#pragma once

#include <tulu/simd/portable.hpp>
#include <tulu/simd/xsimd.hpp>

namespace tulu::simd {

/// The best backend for the compiler flags in force. Flags that differ between translation units give different types,
/// never different code under one name. Never avx512_amx, whose tiles the system must permit at run time.
#if defined(TULU_SIMD_AVX512_VNNI_BF16)
using native = avx512_vnni_bf16;
#elif defined(TULU_SIMD_AVX512)
using native = avx512;
#elif defined(TULU_SIMD_AVX2_VNNI)
using native = avx2_vnni;
#elif defined(TULU_SIMD_AVX2)
using native = avx2;
#elif defined(__SSE4_2__)
using native = sse4_2;
#elif defined(__ARM_FEATURE_DOTPROD) && defined(__aarch64__)
using native = neon64_dotprod;
#elif defined(__aarch64__)
using native = neon64;
#else
using native = portable;
#endif

}  // namespace tulu::simd
