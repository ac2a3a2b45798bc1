#pragma once

// Defines the backends for which this translation unit has the compiler flags: sse4_2 (-msse4.2), avx2 (-mavx2 -mfma
// -mf16c), avx2_vnni (those and -mavxvnni), avx512 (those of avx2 and -mavx512{f,cd,bw,dq,vl}), avx512_vnni_bf16 (those
// and -mavx512{vnni,bf16}), avx512_amx (those and -mamx-{tile,bf16,int8}), neon64 (every aarch64), neon64_dotprod
// (-march=armv8.2-a+dotprod).
#if defined(__SSE4_2__) || defined(__aarch64__)

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

#include <tulu/simd/arm/neon64.hpp>
#include <tulu/simd/backend.hpp>
#include <tulu/simd/x86/amx.hpp>
#include <tulu/simd/x86/avx512.hpp>
#include <tulu/simd/x86/dot.hpp>
#include <tulu/simd/x86/float16.hpp>

namespace tulu::simd {

/// A backend over an xsimd architecture; `Float16` converts the 16-bit types, which xsimd does not know, `Dot` has the
/// operations of dot_backend on raw registers. Uses what xsimd 8.1 and 14 have in common.
template <class Arch, class Float16, class Dot>
struct xsimd_backend {
  using f32 = xsimd::batch<float, Arch>;
  using i32 = xsimd::batch<std::int32_t, Arch>;
  using pairs = xsimd::batch<std::uint16_t, Arch>;
  using bytes = xsimd::batch<std::uint8_t, Arch>;
  static constexpr std::size_t lanes = f32::size;
  static constexpr std::size_t tile_rows = 6;
  static constexpr std::size_t tile_registers = 2;
  static constexpr std::size_t registers = 16;

  [[nodiscard]] static f32 load(const float* from) noexcept { return f32::load_unaligned(from); }
  template <weight_scalar T>
  [[nodiscard]] static f32 load(const T* from) noexcept {
    return f32(Float16::load(from));
  }
  template <weight_scalar T>
  static void load_two(const T* from, f32& first, f32& second) noexcept {
    first = load(from);
    second = load(from + lanes);
  }
  template <weight_scalar T>
  static void arrange(f32&, f32&) noexcept {}
  static void store(float* to, f32 value) noexcept { value.store_unaligned(to); }
  template <weight_scalar T>
  [[gnu::always_inline]] static void store(T* to, f32 value) noexcept {  // or a backend leaves it to be shared
    Float16::store(to, value);
  }

  [[nodiscard]] static f32 add(f32 a, f32 b) noexcept { return a + b; }
  [[nodiscard]] static f32 sub(f32 a, f32 b) noexcept { return a - b; }
  [[nodiscard]] static f32 mul(f32 a, f32 b) noexcept { return a * b; }
  [[nodiscard]] static f32 div(f32 a, f32 b) noexcept { return a / b; }
  [[nodiscard]] static f32 max(f32 a, f32 b) noexcept { return xsimd::max(a, b); }
  [[nodiscard]] static f32 fma(f32 a, f32 b, f32 c) noexcept { return xsimd::fma(a, b, c); }
  [[nodiscard]] static f32 exp(f32 a) noexcept { return xsimd::exp(a); }
  [[nodiscard]] static f32 set(float value) noexcept { return f32(value); }
#if XSIMD_VERSION_MAJOR < 9
  [[nodiscard]] static float sum(f32 a) noexcept {
    return xsimd::hadd(a);
  }
#else
  [[nodiscard]] static float sum(f32 a) noexcept {
    return xsimd::reduce_add(a);
  }
#endif

  [[nodiscard]] static pairs load_pairs(const bf16* from) noexcept {
    return pairs(Dot::load(from));
  }
  [[nodiscard]] static pairs load_pairs(const std::int16_t* from) noexcept {
    return pairs(Dot::load(from));
  }
  [[nodiscard]] static pairs set_pair(const bf16* from) noexcept {
    return pairs(Dot::set(four_bytes(from)));
  }
  [[nodiscard]] static pairs set_pair(const std::int8_t* from) noexcept {
    return pairs(Dot::set(four_bytes(from)));
  }
  [[nodiscard]] static f32 dot_bf16(f32 sum, pairs a, pairs b) noexcept {
    return f32(Dot::dot_bf16(sum, a, b));
  }
  [[nodiscard]] static bytes load_bytes(const std::uint8_t* from) noexcept {
    return bytes(Dot::load(from));
  }
  [[nodiscard]] static bytes load_bytes(const std::int8_t* from) noexcept {
    return bytes(Dot::load(from));
  }
  [[nodiscard]] static bytes set_bytes(const std::int8_t* from) noexcept {
    return bytes(Dot::set(four_bytes(from)));
  }
  [[nodiscard]] static i32 dot_u8s8(i32 sum, bytes u, bytes s) noexcept {
    return i32(Dot::dot_u8s8(sum, u, s));
  }
  [[nodiscard]] static i32 dot_u7s8(i32 sum, bytes u, bytes s) noexcept {
    return i32(Dot::dot_u7s8(sum, u, s));
  }
  static void store_bytes(std::uint8_t* to, bytes value) noexcept {
    value.store_unaligned(to);
  }
  static void store_words(std::int16_t* to, pairs words) noexcept {
    words.store_unaligned(reinterpret_cast<std::uint16_t*>(to));
  }
  [[nodiscard]] static pairs sub_words(pairs a, std::int16_t b) noexcept {
    return a - pairs(static_cast<std::uint16_t>(b));
  }
  [[nodiscard]] static pairs zero_words() noexcept {
    return pairs(std::uint16_t{});
  }
  [[nodiscard]] static pairs dot_bytes(pairs sum, bytes u, bytes s) noexcept {
    return pairs(Dot::dot_bytes(sum, u, s));
  }
  [[nodiscard]] static i32 sum_words(pairs a) noexcept {
    return i32(Dot::sum_words(a));
  }
  [[nodiscard]] static pairs even_words(bytes a) noexcept {
    return words(a) & pairs(std::uint16_t{255});
  }
  [[nodiscard]] static pairs odd_words(bytes a) noexcept {
    return words(a) >> 8;
  }
  [[nodiscard]] static pairs mul_words(pairs a, i32 b) noexcept {
    return pairs(Dot::mul_words(a, b));
  }
  [[nodiscard]] static i32 dot_words(i32 sum, pairs a, pairs b) noexcept {
    return i32(Dot::dot_words(sum, a, b));
  }
  template <int Index>
  [[nodiscard]] static i32 byte_of(bytes a) noexcept {
    return i32(Dot::template byte_of<Index>(a));
  }
  [[nodiscard]] static bytes either(bytes a, bytes b) noexcept {
    return a | b;
  }
  template <int Bits>
  [[nodiscard]] static bytes bits_up(bytes a, std::uint8_t mask) noexcept {
    return bytes(Dot::template bytes_up<Bits>(a)) & bytes(mask);
  }
  template <int Bits>
  [[nodiscard]] static bytes bits_down(bytes a, std::uint8_t mask) noexcept {
    return bytes(Dot::template bytes_down<Bits>(a)) & bytes(mask);
  }
  [[nodiscard]] static bytes low_nibbles(bytes a) noexcept {
    return bytes(Dot::low_nibbles(a));
  }
  [[nodiscard]] static bytes high_nibbles(bytes a) noexcept {
    return bytes(Dot::high_nibbles(a));
  }
  [[nodiscard]] static i32 widen(const std::uint8_t* from) noexcept {
    return i32(Dot::widen(from));
  }
  [[nodiscard]] static i32 widen(const std::int8_t* from) noexcept {
    return i32(Dot::widen(from));
  }
  template <int Bits>
  [[nodiscard]] static i32 shift_right(i32 value) noexcept {
    return i32(Dot::template shift_right<Bits>(value));
  }
  template <int Bits>
  [[nodiscard]] static i32 shift_left(i32 value) noexcept {
    return i32(Dot::template shift_left<Bits>(value));
  }
  [[nodiscard]] static i32 set_i32(std::int32_t value) noexcept {
    return i32(value);
  }
  [[nodiscard]] static f32 to_f32(i32 a) noexcept {
    return f32(Dot::to_float(a));
  }

 private:
  [[nodiscard]] static pairs words(bytes a) noexcept {
    return pairs(static_cast<typename pairs::register_type>(a));
  }
  [[nodiscard]] static int four_bytes(const void* from) noexcept {
    int bits = 0;
    std::memcpy(&bits, from, sizeof(bits));
    return bits;
  }
};

#if defined(__SSE4_2__)
struct sse4_2 : xsimd_backend<xsimd::sse4_2, x86::float16_sse4_2, x86::dot_sse4_2> {
  static constexpr const char* name = "sse4_2";
  static constexpr bool has_word_products = true;
};
static_assert(word_backend<sse4_2>);
#endif

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define TULU_SIMD_AVX2 1
template <class Dot>
struct avx2_with : xsimd_backend<xsimd::fma3<xsimd::avx2>, x86::float16_avx2, Dot> {
  using backend = xsimd_backend<xsimd::fma3<xsimd::avx2>, x86::float16_avx2, Dot>;
  using f32 = typename backend::f32;

  using backend::load_two;
  static void load_two(const bf16* from, f32& first, f32& second) noexcept {
    __m256 a, b;
    x86::float16_avx2::load_two(from, a, b);
    first = f32(a);
    second = f32(b);
  }
  template <weight_scalar T>
  static void arrange(f32& first, f32& second) noexcept {
    if constexpr (std::same_as<T, bf16>) {
      __m256 a = first, b = second;
      x86::float16_avx2::arrange(a, b);
      first = f32(a);
      second = f32(b);
    }
  }
};

struct avx2 : avx2_with<x86::dot_avx2> {
  static constexpr const char* name = "avx2";
  static constexpr bool has_word_products = true;
};
static_assert(word_backend<avx2>);

#if defined(__AVXVNNI__)
#define TULU_SIMD_AVX2_VNNI 1
struct avx2_vnni : avx2_with<x86::dot_avx2_vnni> {
  static constexpr const char* name = "avx2_vnni";
  static constexpr std::size_t byte_product_bits = 8;
};
static_assert(dot_backend<avx2_vnni>);
#endif
#endif

#if defined(TULU_SIMD_AVX2) && defined(__AVX512F__) && defined(__AVX512CD__) && defined(__AVX512BW__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__)
#define TULU_SIMD_AVX512 1
template <class Dot>
struct avx512_with : xsimd_backend<xsimd::avx512bw, x86::float16_avx512, Dot> {
  using f32 = xsimd::batch<float, xsimd::avx512bw>;
  static constexpr std::size_t tile_rows = 12;
  static constexpr std::size_t registers = 32;
  [[nodiscard]] static f32 fma(f32 a, f32 b, f32 c) noexcept { return f32(x86::avx512_math::fma(a, b, c)); }
  [[nodiscard]] static f32 max(f32 a, f32 b) noexcept { return f32(x86::avx512_math::max(a, b)); }
  [[nodiscard]] static f32 exp(f32 a) noexcept { return f32(x86::avx512_math::exp(a)); }
  [[nodiscard]] static float sum(f32 a) noexcept { return x86::avx512_math::sum(a); }
};

struct avx512 : avx512_with<x86::dot_avx512> {
  static constexpr const char* name = "avx512";
  static constexpr bool has_word_products = true;
};
static_assert(word_backend<avx512>);

#if defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#define TULU_SIMD_AVX512_VNNI_BF16 1
struct avx512_vnni_bf16 : avx512_with<x86::dot_avx512_vnni_bf16> {
  static constexpr const char* name = "avx512_vnni_bf16";
  /// dot_bf16 is one instruction.
  static constexpr bool has_bf16_products = true;
  static constexpr std::size_t byte_product_bits = 8;

  /// `lanes` pairs of an even and an odd element; subnormal numbers become zero, as they do for dot_bf16.
  static void store_pair(bf16* to, f32 even, f32 odd) noexcept { x86::dot_avx512_vnni_bf16::store_pair(to, even, odd); }
};
static_assert(dot_backend<avx512_vnni_bf16>);

#if defined(TULU_SIMD_AMX)
struct avx512_amx : avx512_vnni_bf16 {
  static constexpr const char* name = "avx512_amx";
  /// Products of matrices, for a process that has called detect_cpu.
  using tiles = x86::bf16_tiles<avx512_amx>;
};
static_assert(dot_backend<avx512_amx>);
#endif
#endif
#endif

#if defined(__aarch64__)
template <class Dot>
struct neon64_with : xsimd_backend<xsimd::neon64, arm::float16_neon64, Dot> {
  using f32 = xsimd::batch<float, xsimd::neon64>;
  static constexpr std::size_t tile_registers = 3;
  static constexpr std::size_t registers = 32;
  /// xsimd 8.1 multiplies with an approximate reciprocal.
  [[nodiscard]] static f32 div(f32 a, f32 b) noexcept { return f32(a.data / b.data); }
  /// FMLA from -O2 on. vfmaq_f32 is a call to g++ 12, which may change memory as it may set a floating-point flag, so
  /// that arrays of registers stay there.
  [[nodiscard]] static f32 fma(f32 a, f32 b, f32 c) noexcept { return f32(c.data + a.data * b.data); }
};

struct neon64 : neon64_with<arm::dot_neon64> {
  static constexpr const char* name = "neon64";
};
static_assert(dot_backend<neon64>);

#if defined(__ARM_FEATURE_DOTPROD)
struct neon64_dotprod : neon64_with<arm::dot_neon64_dotprod> {
  static constexpr const char* name = "neon64_dotprod";
  static constexpr std::size_t byte_product_bits = 7;
};
static_assert(dot_backend<neon64_dotprod>);
#endif
#endif

}  // namespace tulu::simd

#endif  // defined(__SSE4_2__) || defined(__aarch64__)
