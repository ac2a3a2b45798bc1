#pragma once

#include <vector>

#include <tulu/core/cpu.hpp>
#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/simd/portable.hpp>

// The choice of a backend at run time. Opt-in: needs the library tulu::backends, whose translation units are compiled
// for one instruction set each. Code built with -march=native uses elementwise_for<simd::native>() instead.
namespace tulu::kernel {

#if defined(__x86_64__)
[[nodiscard]] const elementwise_table& elementwise_sse4_2() noexcept;
[[nodiscard]] const elementwise_table& elementwise_avx2() noexcept;
[[nodiscard]] const elementwise_table& elementwise_avx512() noexcept;
#endif

/// The tables a processor with these features can run, best first; the portable one is always the last.
[[nodiscard]] inline std::vector<const elementwise_table*> usable_elementwise(
    [[maybe_unused]] const cpu_features& cpu) {
  std::vector<const elementwise_table*> tables;
#if defined(__x86_64__)
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  if (avx2 && cpu.avx512f && cpu.avx512cd && cpu.avx512bw && cpu.avx512dq && cpu.avx512vl)
    tables.push_back(&elementwise_avx512());
  if (avx2) tables.push_back(&elementwise_avx2());
  if (cpu.sse4_2) tables.push_back(&elementwise_sse4_2());
#endif
  tables.push_back(&elementwise_for<simd::portable>());
  return tables;
}

/// The fastest table for a processor with these features.
[[nodiscard]] inline const elementwise_table& best_elementwise(const cpu_features& cpu) {
  return *usable_elementwise(cpu).front();
}

}  // namespace tulu::kernel
