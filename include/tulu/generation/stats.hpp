#pragma once

#include <chrono>
#include <cstddef>

namespace tulu {

/// What an answer took.
struct generation_stats {
  std::size_t prompt_tokens = 0;    ///< of the whole prompt
  std::size_t reused_tokens = 0;    ///< of these, the ones that the cache still held
  std::size_t new_tokens = 0;       ///< that were chosen, the stop token included
  std::size_t decode_steps = 0;     ///< tokens after the prompt, one a pass but for accepted ones
  std::size_t drafted_tokens = 0;   ///< computed on the chance that they are chosen
  std::size_t accepted_tokens = 0;  ///< of these, the ones that were: they took no pass of their own
  double prefill_seconds = 0;       ///< the pass or passes over the prompt
  double decode_seconds = 0;        ///< everything after that but the caller's callback

  /// Tokens of the prompt that were computed, per second; 0 when none were.
  [[nodiscard]] double prefill_tokens_per_second() const noexcept {
    return prefill_seconds > 0 ? static_cast<double>(prompt_tokens - reused_tokens) / prefill_seconds : 0;
  }
  /// Decode steps per second; 0 when there were none.
  [[nodiscard]] double decode_tokens_per_second() const noexcept {
    return decode_seconds > 0 ? static_cast<double>(decode_steps) / decode_seconds : 0;
  }
};

namespace detail {

/// Adds up the time during which it runs.
class stopwatch {
 public:
  void start() noexcept { since_ = clock::now(); }
  void stop() noexcept { total_ += clock::now() - since_; }
  [[nodiscard]] double seconds() const noexcept { return std::chrono::duration<double>(total_).count(); }

 private:
  using clock = std::chrono::steady_clock;
  clock::time_point since_{};
  clock::duration total_{};
};

}  // namespace detail

}  // namespace tulu
