#pragma once

#include <string_view>
#include <vector>

#include <tulu/core/cpu.hpp>
#include <tulu/kernel/backend_table.hpp>

// The choice of a backend at run time. Opt-in: needs the library tulu::backends, whose translation units are compiled
// for one instruction set each. Code built with -march=native uses backend_table_for<simd::native>() instead.
namespace tulu::kernel {

#if defined(__x86_64__)
[[nodiscard]] const backend_table& backend_sse4_2() noexcept;
[[nodiscard]] const backend_table& backend_avx2() noexcept;
[[nodiscard]] const backend_table& backend_avx2_vnni() noexcept;
[[nodiscard]] const backend_table& backend_avx512() noexcept;
[[nodiscard]] const backend_table& backend_avx512_vnni_bf16() noexcept;
[[nodiscard]] const backend_table& backend_avx512_amx() noexcept;
#elif defined(__aarch64__)
[[nodiscard]] const backend_table& backend_neon64() noexcept;
[[nodiscard]] const backend_table& backend_neon64_dotprod() noexcept;
#endif
[[nodiscard]] const backend_table& backend_portable() noexcept;
[[nodiscard]] const backend_table& backend_eigen() noexcept;

/// Whether some build of tulu has a backend of this name; see find_backend for whether this processor can run it.
[[nodiscard]] constexpr bool is_backend_name(std::string_view name) noexcept {
  for (const std::string_view known : {"portable", "sse4_2", "avx2", "avx2_vnni", "avx512", "avx512_vnni_bf16",
                                       "avx512_amx", "neon64", "neon64_dotprod", "eigen"})
    if (name == known) return true;
  return false;
}

/// The backends that a processor with these features can run, best first. `portable` is always there; after it comes
/// `eigen`, which is never the best: for comparison.
[[nodiscard]] inline std::vector<const backend_table*> usable_backends([[maybe_unused]] const cpu_features& cpu) {
  std::vector<const backend_table*> tables;
#if defined(__x86_64__)
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  const bool avx512 = avx2 && cpu.avx512f && cpu.avx512cd && cpu.avx512bw && cpu.avx512dq && cpu.avx512vl;
  const bool avx512_vnni_bf16 = avx512 && cpu.avx512_vnni && cpu.avx512_bf16;
  if (avx512_vnni_bf16 && cpu.amx_tile && cpu.amx_bf16 && cpu.amx_int8) tables.push_back(&backend_avx512_amx());
  if (avx512_vnni_bf16) tables.push_back(&backend_avx512_vnni_bf16());
  if (avx512) tables.push_back(&backend_avx512());
  if (avx2 && cpu.avx_vnni) tables.push_back(&backend_avx2_vnni());
  if (avx2) tables.push_back(&backend_avx2());
  if (cpu.sse4_2) tables.push_back(&backend_sse4_2());
#elif defined(__aarch64__)
  if (cpu.arm_dotprod) tables.push_back(&backend_neon64_dotprod());
  tables.push_back(&backend_neon64());
#endif
  tables.push_back(&backend_portable());
  tables.push_back(&backend_eigen());
  return tables;
}

/// The backend of this name if a processor with these features can run it, else nullptr.
[[nodiscard]] inline const backend_table* find_backend(std::string_view name, const cpu_features& cpu) {
  for (const backend_table* table : usable_backends(cpu))
    if (name == table->name) return table;
  return nullptr;
}

/// The fastest backend for a processor with these features.
[[nodiscard]] inline const backend_table& best_backend(const cpu_features& cpu) {
  return *usable_backends(cpu).front();
}

/// The fastest element-wise kernels for a processor with these features.
[[nodiscard]] inline const elementwise_table& best_elementwise(const cpu_features& cpu) {
  return *best_backend(cpu).elementwise;
}

}  // namespace tulu::kernel
