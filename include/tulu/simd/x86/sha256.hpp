#pragma once

#if defined(__x86_64__)

#include <cstddef>
#include <cstdint>
#include <utility>

#include <immintrin.h>

#include <tulu/io/sha256.hpp>

// Code for processors that the rest of the program need not be compiled for. Lambdas would not inherit it.
#define TULU_TARGET_SHA __attribute__((target("sha,sse4.1,ssse3")))

namespace tulu::simd::x86 {

namespace detail {

/// One hash in registers. SHA256RNDS2 wants the state as the words (a, b, e, f) and (c, d, g, h), highest first.
/// `m` holds the sixteen latest words of the message schedule.
struct sha256_registers {
  __m128i abef, cdgh;
  __m128i m0, m1, m2, m3;
};

TULU_TARGET_SHA inline __attribute__((always_inline)) void load_state(sha256_registers& r,
                                                                      const std::uint32_t* state) noexcept {
  const __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
  const __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  r.abef = _mm_alignr_epi8(cdab, efgh, 8);
  r.cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

TULU_TARGET_SHA inline __attribute__((always_inline)) void store_state(const sha256_registers& r,
                                                                       std::uint32_t* state) noexcept {
  const __m128i feba = _mm_shuffle_epi32(r.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(r.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

TULU_TARGET_SHA inline __attribute__((always_inline)) __m128i load_words(const std::byte* data) noexcept {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), big_endian);
}

/// Rounds 4 × Step to 4 × Step + 3. `previous`, `now`, `next` are the schedule words before, of and after this step.
template <std::size_t Step>
TULU_TARGET_SHA inline __attribute__((always_inline)) void four_rounds(sha256_registers& r, __m128i& previous,
                                                                       const __m128i& now, __m128i& next) noexcept {
  const auto* constants = reinterpret_cast<const __m128i*>(io::detail::sha256_constants);
  const __m128i sum = _mm_add_epi32(now, _mm_load_si128(constants + Step));
  r.cdgh = _mm_sha256rnds2_epu32(r.cdgh, r.abef, sum);
  if constexpr (Step >= 3 && Step < 15)
    next = _mm_sha256msg2_epu32(_mm_add_epi32(next, _mm_alignr_epi8(now, previous, 4)), now);
  r.abef = _mm_sha256rnds2_epu32(r.abef, r.cdgh, _mm_shuffle_epi32(sum, 0x0e));
  if constexpr (Step >= 1 && Step < 13) previous = _mm_sha256msg1_epu32(previous, now);
}

template <std::size_t Step>
TULU_TARGET_SHA inline __attribute__((always_inline)) void step(sha256_registers& r, const std::byte* data) noexcept {
  if constexpr (Step == 0) r.m0 = load_words(data);
  if constexpr (Step == 1) r.m1 = load_words(data + 16);
  if constexpr (Step == 2) r.m2 = load_words(data + 32);
  if constexpr (Step == 3) r.m3 = load_words(data + 48);
  if constexpr (Step % 4 == 0) four_rounds<Step>(r, r.m3, r.m0, r.m1);
  if constexpr (Step % 4 == 1) four_rounds<Step>(r, r.m0, r.m1, r.m2);
  if constexpr (Step % 4 == 2) four_rounds<Step>(r, r.m1, r.m2, r.m3);
  if constexpr (Step % 4 == 3) four_rounds<Step>(r, r.m2, r.m3, r.m0);
}

template <std::size_t... Steps>
TULU_TARGET_SHA inline __attribute__((always_inline)) void block(sha256_registers& r, const std::byte* data,
                                                                 std::index_sequence<Steps...>) noexcept {
  const __m128i abef = r.abef, cdgh = r.cdgh;
  (step<Steps>(r, data), ...);
  r.abef = _mm_add_epi32(r.abef, abef);
  r.cdgh = _mm_add_epi32(r.cdgh, cdgh);
}

/// Two blocks of two hashes, step by step in turn: SHA256RNDS2 waits for its predecessor, so a second chain of them
/// fills the gaps of the first.
template <std::size_t... Steps>
TULU_TARGET_SHA inline __attribute__((always_inline)) void block_pair(sha256_registers& a, const std::byte* data_a,
                                                                      sha256_registers& b, const std::byte* data_b,
                                                                      std::index_sequence<Steps...>) noexcept {
  const __m128i a_abef = a.abef, a_cdgh = a.cdgh, b_abef = b.abef, b_cdgh = b.cdgh;
  ((step<Steps>(a, data_a), step<Steps>(b, data_b)), ...);
  a.abef = _mm_add_epi32(a.abef, a_abef);
  a.cdgh = _mm_add_epi32(a.cdgh, a_cdgh);
  b.abef = _mm_add_epi32(b.abef, b_abef);
  b.cdgh = _mm_add_epi32(b.cdgh, b_cdgh);
}

}  // namespace detail

TULU_TARGET_SHA inline void sha256_blocks(std::uint32_t* state, const std::byte* data, std::size_t count) noexcept {
  detail::sha256_registers r{};
  detail::load_state(r, state);
  for (std::size_t i = 0; i < count; ++i) detail::block(r, data + 64 * i, std::make_index_sequence<16>{});
  detail::store_state(r, state);
}

TULU_TARGET_SHA inline void sha256_blocks_pair(std::uint32_t* a, const std::byte* data_a, std::uint32_t* b,
                                               const std::byte* data_b, std::size_t count) noexcept {
  detail::sha256_registers ra{}, rb{};
  detail::load_state(ra, a);
  detail::load_state(rb, b);
  for (std::size_t i = 0; i < count; ++i)
    detail::block_pair(ra, data_a + 64 * i, rb, data_b + 64 * i, std::make_index_sequence<16>{});
  detail::store_state(ra, a);
  detail::store_state(rb, b);
}

/// For processors with the SHA extensions, SSE4.1 and SSSE3.
inline constexpr io::sha256_functions sha_ni{&sha256_blocks, &sha256_blocks_pair};

}  // namespace tulu::simd::x86

#undef TULU_TARGET_SHA

#endif  // defined(__x86_64__)
