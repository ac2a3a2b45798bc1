#pragma once

// What this processor can do at most: multiplications and additions of float32, bfloat16, int16 and int8 per second (a
// multiply-add is two) in loops of nothing else, and bytes read from memory. AMX has its own figures; where a type has
// no instruction of its own, there is no figure.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/cpu.hpp>

namespace peaks {

/// Independent sums: more than latency times throughput of any of these instructions.
inline constexpr std::size_t sums = 14;

/// A loop of `rounds` times `operations` multiplications and additions.
struct loop {
  const char* instruction;
  double operations;
  void (*run)(std::size_t rounds);
};

/// In 128 bits, as the compiler translates it: multiply-adds where its flags allow them.
inline void multiply_add_any(std::size_t rounds) {
  using vector = float __attribute__((vector_size(16)));
  vector x[sums] = {}, a = {0.5F, 0.5F, 0.5F, 0.5F}, b = {0.25F, 0.25F, 0.25F, 0.25F};
  __asm__ volatile("" : "+m"(x), "+m"(a), "+m"(b));
  for (std::size_t i = 0; i < rounds; ++i)
    for (vector& sum : x) sum = sum * a + b;
  __asm__ volatile("" : "+m"(x));
}

#if defined(__x86_64__)

// A loop of `step`, an instruction on the register \\sum, for each of the sums in turn. In assembly, because compilers
// keep some of the sums in memory. %k1 sets up the other operand, register 15: 0.5 twice in bfloat16, 0.5 and a bit in
// float32.
#define TULU_PEAK_LOOP(name, set_up, step)                                                                        \
  inline void name(std::size_t rounds) {                                                                          \
    __asm__ volatile(                                                                                             \
        ".irp sum, 0,1,2,3,4,5,6,7,8,9,10,11,12,13\n vpxor %%xmm\\sum, %%xmm\\sum, %%xmm\\sum\n"                  \
        ".endr\n" set_up "\n1:\n .irp sum, 0,1,2,3,4,5,6,7,8,9,10,11,12,13\n " step                               \
        "\n .endr\n dec %0\n jnz 1b\n vzeroupper"                                                                 \
        : "+r"(rounds)                                                                                            \
        : "r"(0x3f003f00)                                                                                         \
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
          "xmm12", "xmm13", "xmm14", "xmm15");                                                                    \
  }

#define TULU_YMM_OPERAND "vmovd %k1, %%xmm15\n vpbroadcastd %%xmm15, %%ymm15\n"
#define TULU_ZMM_OPERAND "vpbroadcastd %k1, %%zmm15"

TULU_PEAK_LOOP(multiply_add_ymm, TULU_YMM_OPERAND, "vfmadd231ps %%ymm15, %%ymm15, %%ymm\\sum")
TULU_PEAK_LOOP(multiply_add_zmm, TULU_ZMM_OPERAND, "vfmadd231ps %%zmm15, %%zmm15, %%zmm\\sum")
TULU_PEAK_LOOP(bf16_dot_zmm, TULU_ZMM_OPERAND, "vdpbf16ps %%zmm15, %%zmm15, %%zmm\\sum")
TULU_PEAK_LOOP(int8_dot_zmm, TULU_ZMM_OPERAND, "vpdpbusd %%zmm15, %%zmm15, %%zmm\\sum")
TULU_PEAK_LOOP(int8_dot_ymm, TULU_YMM_OPERAND, "%{vex%} vpdpbusd %%ymm15, %%ymm15, %%ymm\\sum")
TULU_PEAK_LOOP(int16_multiply_add_ymm, TULU_YMM_OPERAND,
               "vpmaddwd %%ymm15, %%ymm15, %%ymm14\n vpaddd %%ymm14, %%ymm\\sum, %%ymm\\sum")
TULU_PEAK_LOOP(int16_multiply_add_zmm, TULU_ZMM_OPERAND,
               "vpmaddwd %%zmm15, %%zmm15, %%zmm14\n vpaddd %%zmm14, %%zmm\\sum, %%zmm\\sum")
// The way of processors without VNNI, whose sums of 16 bits must be brought to 32 now and then.
TULU_PEAK_LOOP(int8_multiply_add_ymm, TULU_YMM_OPERAND,
               "vpmaddubsw %%ymm15, %%ymm15, %%ymm14\n vpaddw %%ymm14, %%ymm\\sum, %%ymm\\sum")
TULU_PEAK_LOOP(int8_multiply_add_zmm, TULU_ZMM_OPERAND,
               "vpmaddubsw %%zmm15, %%zmm15, %%zmm14\n vpaddw %%zmm14, %%zmm\\sum, %%zmm\\sum")

/// Eight tiles of 16 rows of 64 bytes.
struct tile_shape {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

inline constexpr std::size_t tile_products = 4;  // every register is used: four sums, two tiles on either side

__attribute__((target("amx-tile"))) inline void zero_tiles() {
  static constexpr tile_shape shape{};
  static constexpr std::byte zeros[1024] = {};
  _tile_loadconfig(&shape);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, zeros, 64);
  _tile_loadd(5, zeros, 64);
  _tile_loadd(6, zeros, 64);
  _tile_loadd(7, zeros, 64);
}

#define TULU_PEAK_TILES(name, features, product)                           \
  __attribute__((target(features))) inline void name(std::size_t rounds) { \
    zero_tiles();                                                          \
    for (std::size_t i = 0; i < rounds; ++i) {                             \
      product(0, 4, 6);                                                    \
      product(1, 4, 7);                                                    \
      product(2, 5, 6);                                                    \
      product(3, 5, 7);                                                    \
    }                                                                      \
    _tile_release();                                                       \
  }

TULU_PEAK_TILES(bf16_tiles, "amx-tile,amx-bf16", _tile_dpbf16ps)
TULU_PEAK_TILES(int8_tiles, "amx-tile,amx-int8", _tile_dpbusd)

/// The processor has AMX (bfloat16 and int8), and the system gives this process its registers.
inline bool enable_amx() {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr std::uint32_t amx = 1U << 22 | 1U << 24 | 1U << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  constexpr long request_permission = 0x1023, tile_data = 18;
  return (edx & amx) == amx && ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

#endif

/// A figure of the output: what it is called there, and the fastest loop that this processor has for it.
struct figure {
  const char* key;
  const char* unit;
  loop best;
};

inline std::vector<figure> figures() {
  std::vector<figure> out;
  loop f32{"the compiler's choice, 128 bits", sums * 4 * 2, multiply_add_any};
#if defined(__x86_64__)
  const tulu::cpu_features cpu = tulu::detect_cpu();
  if (cpu.avx512f)
    f32 = {"VFMADD, 512 bits", sums * 16 * 2, multiply_add_zmm};
  else if (cpu.avx2 && cpu.fma)
    f32 = {"VFMADD, 256 bits", sums * 8 * 2, multiply_add_ymm};
#endif
  out.push_back({"f32_gflops", "GFLOP/s", f32});
#if defined(__x86_64__)
  if (cpu.avx512_bf16) out.push_back({"bf16_gflops", "GFLOP/s", {"VDPBF16PS, 512 bits", sums * 32 * 2, bf16_dot_zmm}});
  if (cpu.avx512bw)
    out.push_back({"int16_gops", "GOP/s", {"VPMADDWD, 512 bits", sums * 32 * 2, int16_multiply_add_zmm}});
  else if (cpu.avx2)
    out.push_back({"int16_gops", "GOP/s", {"VPMADDWD, 256 bits", sums * 16 * 2, int16_multiply_add_ymm}});
  if (cpu.avx512_vnni)
    out.push_back({"int8_gops", "GOP/s", {"VPDPBUSD, 512 bits", sums * 64 * 2, int8_dot_zmm}});
  else if (cpu.avx512bw)
    out.push_back({"int8_gops", "GOP/s", {"VPMADDUBSW, 512 bits", sums * 64 * 2, int8_multiply_add_zmm}});
  else if (cpu.avx_vnni)
    out.push_back({"int8_gops", "GOP/s", {"VPDPBUSD, 256 bits", sums * 32 * 2, int8_dot_ymm}});
  else if (cpu.avx2)
    out.push_back({"int8_gops", "GOP/s", {"VPMADDUBSW, 256 bits", sums * 32 * 2, int8_multiply_add_ymm}});
  if (enable_amx()) {
    constexpr double elements = tile_products * 16 * 16 * 2;
    out.push_back({"amx_bf16_gflops", "GFLOP/s", {"TDPBF16PS", elements * 32, bf16_tiles}});
    out.push_back({"amx_int8_gops", "GOP/s", {"TDPBUSD", elements * 64, int8_tiles}});
  }
#endif
  return out;
}

/// Seconds until `threads` threads are through with `work(thread)`.
inline double seconds_of(std::size_t threads, const std::function<void(std::size_t)>& work) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> all;
  for (std::size_t i = 0; i < threads; ++i) all.emplace_back(work, i);
  for (std::thread& thread : all) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Thousand millions of operations per second: the best of some runs of about 0.1 s.
inline double rate(const loop& loop, std::size_t threads) {
  constexpr double long_enough = 0.1;
  std::size_t rounds = 1000;
  for (double seconds = 0; seconds < long_enough; rounds *= 2)
    seconds = seconds_of(1, [&](std::size_t) { loop.run(2 * rounds); });
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    const double seconds = seconds_of(threads, [&](std::size_t) { loop.run(rounds); });
    best = std::max(best, loop.operations * static_cast<double>(rounds * threads) / seconds / 1e9);
  }
  return best;
}

/// GB/s at which all threads read a gibibyte, asking for it a page ahead: the best of some runs.
inline double read_rate(std::size_t threads) {
  constexpr std::size_t together = 16, page = 512;
  const std::size_t words = (std::size_t{1} << 27) / threads / together * together;
  tulu::aligned_buffer buffer{words * threads * sizeof(std::uint64_t)};
  auto* const all = reinterpret_cast<std::uint64_t*>(buffer.data());
  seconds_of(threads, [&](std::size_t thread) { std::fill_n(all + thread * words, words, thread); });
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    const double seconds = seconds_of(threads, [&](std::size_t thread) {
      const std::uint64_t* const from = all + thread * words;
      std::uint64_t totals[together] = {};
      for (std::size_t i = 0; i < words; i += together) {
        __builtin_prefetch(from + i + page);
        __builtin_prefetch(from + i + page + together / 2);
        for (std::size_t k = 0; k < together; ++k) totals[k] += from[i + k];
      }
      for (std::uint64_t& total : totals) __asm__ volatile("" : "+r"(total));
    });
    best = std::max(best, static_cast<double>(buffer.size()) / seconds / 1e9);
  }
  return best;
}

}  // namespace peaks
