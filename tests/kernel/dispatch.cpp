#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/kernel/dispatch.hpp>

namespace {

std::vector<std::string_view> names(const tulu::cpu_features& cpu) {
  std::vector<std::string_view> found;
  for (const auto* table : tulu::kernel::usable_elementwise(cpu)) found.push_back(table->backend);
  return found;
}

}  // namespace

TEST_CASE("a processor without features gets the portable kernels only") {
  CHECK(names({}) == std::vector<std::string_view>{"portable"});
  CHECK(std::string_view{tulu::kernel::best_elementwise({}).backend} == "portable");
}

TEST_CASE("the best table is the first of the usable ones") {
  const auto cpu = tulu::detect_cpu();
  CHECK(&tulu::kernel::best_elementwise(cpu) == tulu::kernel::usable_elementwise(cpu).front());
}

#if defined(__x86_64__)
TEST_CASE("a backend is usable when all its instruction sets are") {
  CHECK(names({.sse4_2 = true}) == std::vector<std::string_view>{"sse4_2", "portable"});
  tulu::cpu_features cpu{.sse4_2 = true, .avx = true, .avx2 = true, .fma = true};
  CHECK(names(cpu) == std::vector<std::string_view>{"sse4_2", "portable"});
  cpu.f16c = true;
  CHECK(names(cpu) == std::vector<std::string_view>{"avx2", "sse4_2", "portable"});
  cpu.avx512f = cpu.avx512cd = cpu.avx512bw = cpu.avx512dq = true;
  CHECK(names(cpu).front() == "avx2");
  cpu.avx512vl = true;
  CHECK(names(cpu) == std::vector<std::string_view>{"avx512", "avx2", "sse4_2", "portable"});
}
#endif
