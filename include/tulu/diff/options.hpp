#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <tulu/core/cpu.hpp>
#include <tulu/io/sha256.hpp>
#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/simd/sha256.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// Whose script made a diff. Both release tuned - base, summed in float32, new vocabulary rows against the mean of the
/// base's rows, so that both are recovered by the same arithmetic; the name is kept in the manifest.
enum class diff_scheme { automatic, tulu, alpaca };

inline constexpr std::array<std::string_view, 3> diff_scheme_names{"auto", "tulu", "alpaca"};

[[nodiscard]] constexpr std::string_view name(diff_scheme scheme) noexcept {
  return diff_scheme_names[static_cast<std::size_t>(scheme)];
}

/// What recover and make_diff can be told.
struct diff_options {
  diff_scheme scheme = diff_scheme::automatic;
  /// Type of the floating-point tensors of the output (F32, F16 or BF16). Nothing: recover keeps the type that each
  /// tensor has in the diff, make_diff writes F32.
  std::optional<dtype> type{};
  /// A shard grows up to this many bytes of tensors; a larger tensor has a shard of its own.
  std::size_t max_shard_bytes = 5'000'000'000;
  /// Replace a complete or partial output of other inputs or options. Files of somebody else are never replaced.
  bool force = false;
  /// Threads to use at most; 0: one per processor. Every two of them stream one shard.
  std::size_t threads = 0;
  /// The arithmetic. The default fits the compiler flags in force; kernel::best_elementwise chooses at run time.
  const kernel::elementwise_table* kernels = &kernel::elementwise_for<simd::native>();
  io::sha256_functions hashing = simd::best_sha256(detect_cpu());
  /// Called from any thread, one call at a time, with the bytes of the output that are done and their total.
  std::function<void(std::size_t done, std::size_t total)> on_progress{};
  /// Called before anything is written, once for each thing that the user should know.
  std::function<void(std::string_view)> on_warning{};
  /// A request to stop ends the work with `cancelled`; the same call resumes it.
  std::stop_token stop{};
};

/// What a run did.
struct diff_result {
  std::size_t tensors = 0;
  std::size_t bytes = 0;  ///< of all output shards
  std::size_t shards = 0;
  std::size_t resumed_shards = 0;  ///< found complete and kept
  bool already_complete = false;   ///< the output of the same inputs and options was there: nothing was written
  std::string tensor_digest{};     ///< lowercase hex, see diff/digest.hpp
};

}  // namespace tulu
