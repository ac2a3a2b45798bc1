#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/function_ref.hpp>

namespace tulu {

namespace detail {

/// Tells the processor that this is a loop that waits.
inline void spin_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Returns when `value` is no longer `old`: looks again and again for some 50 µs, the time between two jobs of a
/// forward pass, then sleeps.
template <class Value>
void wait_while_equal(const std::atomic<Value>& value, Value old) noexcept {
  constexpr int looks = 2000;
  for (int i = 0; i < looks; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    spin_pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace detail

/// A fixed set of threads that work on one job after another; the caller's thread is one of them. Between jobs they
/// wait awake for a moment, then sleep. One job at a time: `parallel_for` is not to be called from two threads at once
/// or from within a job. A job allocates nothing.
class executor {
 public:
  static constexpr std::size_t most_threads = 4096;
  using body_type = function_ref<void(std::size_t index, std::size_t thread)>;

  /// `threads` in all, the caller's included; 0: one per processor. Throws when the system gives no more threads.
  explicit executor(std::size_t threads = 0) {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    if (threads > most_threads)
      throw mismatch_error("threads", "", "at most " + std::to_string(most_threads), std::to_string(threads));
    try {
      for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::exception& failed) {
      close();
      throw error{"cannot start " + std::to_string(threads) + " threads: " + failed.what()};
    }
  }
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  ~executor() { close(); }

  [[nodiscard]] std::size_t threads() const noexcept { return workers_.size() + 1; }

  /// Calls body(index, thread) for each index below `count`, in any order, each once; `thread` is below `threads()` and
  /// no two calls at a time have the same. Returns when all are done, without waiting for threads that came too late to
  /// take part. The first exception ends the job and is thrown.
  void parallel_for(std::size_t count, body_type body) {
    if (count == 0) return;
    body_ = &body;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    if (workers_.empty() || count == 1) {
      take_part(0);
    } else {
      state_.store((state_.load(std::memory_order_relaxed) & ~inside) + one_job + open, std::memory_order_release);
      state_.notify_all();
      take_part(0);
      std::uint32_t now = state_.fetch_and(~open, std::memory_order_acq_rel) & ~open;
      for (; (now & inside) != 0; now = state_.load(std::memory_order_acquire)) detail::wait_while_equal(state_, now);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  // The parts of state_: how many threads work on the job, whether more may join, its number.
  static constexpr std::uint32_t inside = 0xfff, open = 0x1000, one_job = 0x2000;

  void close() noexcept {
    closing_.store(true, std::memory_order_relaxed);
    state_.fetch_add(one_job, std::memory_order_release);
    state_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  void work(std::size_t thread) {
    std::uint32_t seen = 0;
    for (std::uint32_t now = state_.load(std::memory_order_acquire); !closing_.load(std::memory_order_relaxed);
         now = state_.load(std::memory_order_acquire)) {
      if ((now & open) == 0 || now / one_job == seen) {
        detail::wait_while_equal(state_, now);
      } else if (state_.compare_exchange_strong(now, now + 1, std::memory_order_acq_rel)) {
        seen = now / one_job;
        take_part(thread);
        const std::uint32_t left = state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
        if ((left & (inside | open)) == 0) state_.notify_all();
      }
    }
  }
  void take_part(std::size_t thread) noexcept {
    const body_type& body = *body_;
    const std::size_t count = count_;
    try {
      for (std::size_t index = next_++; index < count; index = next_++) body(index, thread);
    } catch (...) {
      const std::lock_guard lock{mutex_};
      if (!failure_) failure_ = std::current_exception();
      next_.store(count, std::memory_order_relaxed);
    }
  }

  const body_type* body_ = nullptr;
  std::size_t count_ = 0;
  std::exception_ptr failure_;
  std::mutex mutex_;  ///< of failure_
  alignas(64) std::atomic<std::uint32_t> state_ = 0;
  alignas(64) std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> closing_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace tulu
