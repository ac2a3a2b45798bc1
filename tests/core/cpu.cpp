#include <cstdint>
#include <initializer_list>

#include <doctest/doctest.h>

#include <tulu/core/cpu.hpp>

namespace {

constexpr std::uint32_t all = 0xffffffff;
constexpr std::uint64_t ymm_saved = 0x07, zmm_saved = 0xe7, tiles_saved = 0x60000;

}  // namespace

TEST_CASE("no CPUID words mean no features") {
  CHECK(tulu::decode_cpu({}) == tulu::cpu_features{});
}

TEST_CASE("vector registers that the system does not save may not be used") {
  const tulu::cpu_features none_saved = tulu::decode_cpu({all, all, all, all, all, 0, true});
  CHECK(none_saved.sse4_2);
  CHECK(none_saved.sha);
  CHECK_FALSE(none_saved.avx);
  CHECK_FALSE(none_saved.avx2);
  CHECK_FALSE(none_saved.fma);
  CHECK_FALSE(none_saved.f16c);
  CHECK_FALSE(none_saved.avx_vnni);
  CHECK_FALSE(none_saved.avx512f);

  const tulu::cpu_features ymm = tulu::decode_cpu({all, all, all, all, all, ymm_saved, true});
  CHECK(ymm.avx2);
  CHECK(ymm.avx_vnni);
  CHECK_FALSE(ymm.avx512f);
  CHECK_FALSE(ymm.avx512_vnni);
  CHECK_FALSE(ymm.avx512_bf16);

  const tulu::cpu_features zmm = tulu::decode_cpu({all, all, all, all, all, zmm_saved, true});
  CHECK(zmm.avx512f);
  CHECK(zmm.avx512bw);
  CHECK(zmm.avx512_bf16);
  CHECK_FALSE(zmm.amx_tile);
  CHECK_FALSE(zmm.amx_bf16);
}

TEST_CASE("half of the registers of AVX-512 saved is not enough") {
  for (const std::uint64_t xcr0 : {0x27u, 0x47u, 0x87u, 0x67u, 0xe5u})
    CHECK_FALSE(tulu::decode_cpu({all, all, all, all, all, xcr0, true}).avx512f);
}

TEST_CASE("tiles need both of their states saved and the system's permission") {
  const std::uint32_t amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25;
  CHECK(tulu::decode_cpu({.leaf7_edx = amx_tile, .xcr0 = tiles_saved, .tiles_permitted = true}) ==
        tulu::cpu_features{.amx_tile = true});
  CHECK(tulu::decode_cpu({.leaf7_edx = amx_tile | amx_bf16, .xcr0 = tiles_saved, .tiles_permitted = true}) ==
        tulu::cpu_features{.amx_tile = true, .amx_bf16 = true});
  CHECK(tulu::decode_cpu({.leaf7_edx = amx_tile | amx_int8, .xcr0 = tiles_saved, .tiles_permitted = true}) ==
        tulu::cpu_features{.amx_tile = true, .amx_int8 = true});
  for (const std::uint64_t xcr0 : {0x20000u, 0x40000u, 0u})
    CHECK(tulu::decode_cpu({.leaf7_edx = all, .xcr0 = xcr0, .tiles_permitted = true}) == tulu::cpu_features{});
  CHECK(tulu::decode_cpu({.leaf7_edx = all, .xcr0 = tiles_saved}) == tulu::cpu_features{});
}

TEST_CASE("each feature has its own bit") {
  const std::uint32_t avx = 1u << 28, avx512f = 1u << 16;
  CHECK(tulu::decode_cpu({.leaf1_ecx = 1u << 9}) == tulu::cpu_features{.ssse3 = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = 1u << 19}) == tulu::cpu_features{.sse4_1 = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = 1u << 20}) == tulu::cpu_features{.sse4_2 = true});
  CHECK(tulu::decode_cpu({.leaf7_ebx = 1u << 8}) == tulu::cpu_features{.bmi2 = true});
  CHECK(tulu::decode_cpu({.leaf7_ebx = 1u << 29}) == tulu::cpu_features{.sha = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx | 1u << 12, .xcr0 = ymm_saved}) ==
        tulu::cpu_features{.avx = true, .fma = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx | 1u << 29, .xcr0 = ymm_saved}) ==
        tulu::cpu_features{.avx = true, .f16c = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx, .leaf7_ebx = 1u << 5, .xcr0 = ymm_saved}) ==
        tulu::cpu_features{.avx = true, .avx2 = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx, .leaf7_ebx = avx512f | 1u << 28, .xcr0 = zmm_saved}) ==
        tulu::cpu_features{.avx = true, .avx512f = true, .avx512cd = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx, .leaf7_ebx = avx512f | 1u << 17, .xcr0 = zmm_saved}) ==
        tulu::cpu_features{.avx = true, .avx512f = true, .avx512dq = true});
  CHECK(tulu::decode_cpu({.leaf1_ecx = avx, .leaf7_ebx = avx512f | 1u << 31, .xcr0 = zmm_saved}) ==
        tulu::cpu_features{.avx = true, .avx512f = true, .avx512vl = true});
}

#if defined(__x86_64__)
TEST_CASE("detection agrees with the compiler's runtime") {
  __builtin_cpu_init();
  const tulu::cpu_features cpu = tulu::detect_cpu();
  CHECK(cpu.ssse3 == (__builtin_cpu_supports("ssse3") != 0));
  CHECK(cpu.sse4_1 == (__builtin_cpu_supports("sse4.1") != 0));
  CHECK(cpu.sse4_2 == (__builtin_cpu_supports("sse4.2") != 0));
  CHECK(cpu.avx == (__builtin_cpu_supports("avx") != 0));
  CHECK(cpu.avx2 == (__builtin_cpu_supports("avx2") != 0));
  CHECK(cpu.fma == (__builtin_cpu_supports("fma") != 0));
  CHECK(cpu.bmi2 == (__builtin_cpu_supports("bmi2") != 0));
  CHECK(cpu.avx512f == (__builtin_cpu_supports("avx512f") != 0));
  CHECK(cpu.avx512cd == (__builtin_cpu_supports("avx512cd") != 0));
  CHECK(cpu.avx512bw == (__builtin_cpu_supports("avx512bw") != 0));
  CHECK(cpu.avx512dq == (__builtin_cpu_supports("avx512dq") != 0));
  CHECK(cpu.avx512vl == (__builtin_cpu_supports("avx512vl") != 0));
}
#else
TEST_CASE("other architectures have none of the x86 features") {
  CHECK(tulu::detect_cpu() == tulu::cpu_features{.arm_dotprod = tulu::detect_cpu().arm_dotprod});
}
#endif
