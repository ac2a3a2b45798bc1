#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/kernel/dispatch.hpp>

namespace {

using strings = std::vector<std::string_view>;

strings names(const tulu::cpu_features& cpu) {
  strings found;
  for (const auto* table : tulu::kernel::usable_backends(cpu)) found.push_back(table->name);
  return found;
}

#if defined(__aarch64__)
const strings plain{"neon64", "portable", "eigen"};
#else
const strings plain{"portable", "eigen"};
#endif

}  // namespace

TEST_CASE("a processor without features gets what its architecture always has") {
  CHECK(names({}) == plain);
  CHECK(tulu::kernel::best_backend({}).name == plain.front());
  CHECK(tulu::kernel::best_elementwise({}).backend == plain.front());
}

TEST_CASE("the tables of a backend carry its name, which is a known one") {
  for (const auto* table : tulu::kernel::usable_backends(tulu::detect_cpu())) {
    const std::string_view name = table->name;
    CHECK(tulu::kernel::is_backend_name(name));
    CHECK(table->elementwise->backend == name);
    CHECK(table->model->backend == name);
    CHECK(tulu::kernel::find_backend(name, tulu::detect_cpu()) == table);
  }
}

TEST_CASE("a backend that is unknown or that the processor cannot run is not found") {
  CHECK(tulu::kernel::find_backend("avx512", {}) == nullptr);
  CHECK(tulu::kernel::is_backend_name("avx512"));
  for (const std::string_view name : {"", "AVX2", "avx", "native", "avx2 "}) {
    CHECK(!tulu::kernel::is_backend_name(name));
    CHECK(tulu::kernel::find_backend(name, tulu::detect_cpu()) == nullptr);
  }
}

TEST_CASE("the best backend is the first of the usable ones") {
  const auto cpu = tulu::detect_cpu();
  CHECK(&tulu::kernel::best_backend(cpu) == tulu::kernel::usable_backends(cpu).front());
}

#if defined(__x86_64__)
TEST_CASE("a backend is usable when all its instruction sets are") {
  CHECK(names({.sse4_2 = true}) == strings{"sse4_2", "portable", "eigen"});
  tulu::cpu_features cpu{.sse4_2 = true, .avx = true, .avx2 = true, .fma = true};
  CHECK(names(cpu) == strings{"sse4_2", "portable", "eigen"});
  cpu.f16c = true;
  CHECK(names(cpu) == strings{"avx2", "sse4_2", "portable", "eigen"});
  cpu.avx_vnni = true;
  CHECK(names(cpu) == strings{"avx2_vnni", "avx2", "sse4_2", "portable", "eigen"});
  cpu.avx_vnni = false;
  cpu.avx512f = cpu.avx512cd = cpu.avx512bw = cpu.avx512dq = true;
  CHECK(names(cpu).front() == "avx2");
  cpu.avx512vl = true;
  CHECK(names(cpu) == strings{"avx512", "avx2", "sse4_2", "portable", "eigen"});
  cpu.avx512_vnni = true;
  CHECK(names(cpu).front() == "avx512");
  cpu.avx512_bf16 = true;
  CHECK(names(cpu) == strings{"avx512_vnni_bf16", "avx512", "avx2", "sse4_2", "portable", "eigen"});
  cpu.amx_tile = cpu.amx_bf16 = true;
  CHECK(names(cpu).front() == "avx512_vnni_bf16");
  cpu.amx_int8 = true;
  CHECK(names(cpu) == strings{"avx512_amx", "avx512_vnni_bf16", "avx512", "avx2", "sse4_2", "portable", "eigen"});
}
#elif defined(__aarch64__)
TEST_CASE("the products of bytes need their feature") {
  CHECK(names({.arm_dotprod = true}) == strings{"neon64_dotprod", "neon64", "portable", "eigen"});
}
#endif
