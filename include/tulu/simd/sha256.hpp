#pragma once

#include <tulu/core/cpu.hpp>
#include <tulu/io/sha256.hpp>
#include <tulu/simd/x86/sha256.hpp>

namespace tulu::simd {

/// The fastest SHA-256 for a processor with these features. Needs no compiler flag.
[[nodiscard]] inline io::sha256_functions best_sha256([[maybe_unused]] const cpu_features& cpu) noexcept {
#if defined(__x86_64__)
  if (cpu.sha && cpu.sse4_1 && cpu.ssse3) return x86::sha_ni;
#endif
  return io::portable_sha256;
}

}  // namespace tulu::simd
