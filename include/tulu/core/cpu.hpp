#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif
#endif

namespace tulu {

/// The instruction sets beyond those of every x86-64 or aarch64 that code may use: the processor has them and the
/// operating system saves their registers. Those of other architectures are false.
struct cpu_features {
  bool ssse3 = false;
  bool sse4_1 = false;
  bool sse4_2 = false;
  bool avx = false;
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool bmi2 = false;
  bool sha = false;
  bool avx512f = false;
  bool avx512cd = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx_vnni = false;
  bool amx_tile = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
  bool arm_dotprod = false;  ///< of aarch64, all others of x86-64

  bool operator==(const cpu_features&) const = default;
};

/// The CPUID words and the XCR0 register that `decode_cpu` reads, and whether the system lets this process use the tile
/// registers of AMX. XCR0 is 0 where the system has not enabled XGETBV.
struct cpuid_words {
  std::uint32_t leaf1_ecx = 0;
  std::uint32_t leaf7_ebx = 0;
  std::uint32_t leaf7_ecx = 0;
  std::uint32_t leaf7_edx = 0;
  std::uint32_t leaf7_1_eax = 0;
  std::uint64_t xcr0 = 0;
  bool tiles_permitted = false;
};

[[nodiscard]] constexpr cpu_features decode_cpu(const cpuid_words& words) noexcept {
  const auto bit = [](std::uint64_t word, int at) { return ((word >> at) & 1) != 0; };
  const bool ymm = (words.xcr0 & 0x06) == 0x06 && bit(words.leaf1_ecx, 28);
  const bool zmm = ymm && (words.xcr0 & 0xe0) == 0xe0 && bit(words.leaf7_ebx, 16);
  const bool tiles = words.tiles_permitted && (words.xcr0 & 0x60000) == 0x60000 && bit(words.leaf7_edx, 24);
  return {.ssse3 = bit(words.leaf1_ecx, 9),
          .sse4_1 = bit(words.leaf1_ecx, 19),
          .sse4_2 = bit(words.leaf1_ecx, 20),
          .avx = ymm,
          .avx2 = ymm && bit(words.leaf7_ebx, 5),
          .fma = ymm && bit(words.leaf1_ecx, 12),
          .f16c = ymm && bit(words.leaf1_ecx, 29),
          .bmi2 = bit(words.leaf7_ebx, 8),
          .sha = bit(words.leaf7_ebx, 29),
          .avx512f = zmm,
          .avx512cd = zmm && bit(words.leaf7_ebx, 28),
          .avx512bw = zmm && bit(words.leaf7_ebx, 30),
          .avx512dq = zmm && bit(words.leaf7_ebx, 17),
          .avx512vl = zmm && bit(words.leaf7_ebx, 31),
          .avx512_vnni = zmm && bit(words.leaf7_ecx, 11),
          .avx512_bf16 = zmm && bit(words.leaf7_1_eax, 5),
          .avx_vnni = ymm && bit(words.leaf7_1_eax, 4),
          .amx_tile = tiles,
          .amx_bf16 = tiles && bit(words.leaf7_edx, 22),
          .amx_int8 = tiles && bit(words.leaf7_edx, 25)};
}

namespace detail {

/// Asks Linux to let this process use the tile registers of AMX; a thread that does so without is killed by SIGILL, as
/// their 8 KiB are only saved for those who ask. The answer holds for all threads and for processes that they fork,
/// until exec. Asking again changes nothing. Once granted, sigaltstack refuses stacks that have no room for the tiles.
[[nodiscard]] inline bool permit_tiles() noexcept {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

/// What the compiler was told, and what Linux says.
[[nodiscard]] inline bool has_arm_dotprod() noexcept {
#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
  return true;
#elif defined(__aarch64__) && defined(__linux__)
  return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

}  // namespace detail

/// What this processor and system offer. Asks anew at every call: keep the answer. Where the processor has AMX, the
/// process is permitted to use it from here on.
[[nodiscard]] inline cpu_features detect_cpu() noexcept {
  cpuid_words words;
#if defined(__x86_64__)
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return {};
  words.leaf1_ecx = ecx;
  if (((ecx >> 27) & 1) != 0) {  // OSXSAVE: XGETBV may be executed
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.xcr0 = (std::uint64_t{high} << 32) | low;
  }
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
    words.leaf7_ebx = ebx;
    words.leaf7_ecx = ecx;
    words.leaf7_edx = edx;
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) words.leaf7_1_eax = eax;
  }
  words.tiles_permitted = true;
  if (decode_cpu(words).amx_tile) words.tiles_permitted = detail::permit_tiles();
#endif
  cpu_features features = decode_cpu(words);
  features.arm_dotprod = detail::has_arm_dotprod();
  return features;
}

}  // namespace tulu
