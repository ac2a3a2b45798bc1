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
  using body_type = function_ref<void(std::size_t index, std::size_t thread)>;

  /// `threads` in all, the caller's included; 0: one per processor. Throws when the system gives no more threads.
  explicit executor(std::size_t threads = 0) {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
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
  /// no two calls at a time have the same. Returns when all are done. The first exception ends the job and is thrown.
  void parallel_for(std::size_t count, body_type body) {
    if (count == 0) return;
    body_ = &body;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    const bool alone = workers_.empty() || count == 1;
    if (!alone) {
      busy_.store(workers_.size(), std::memory_order_relaxed);
      job_.fetch_add(1, std::memory_order_release);
      job_.notify_all();
    }
    take_part(0);
    if (!alone)
      for (std::size_t busy = busy_.load(std::memory_order_acquire); busy != 0;
           busy = busy_.load(std::memory_order_acquire))
        detail::wait_while_equal(busy_, busy);
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void close() noexcept {
    closing_.store(true, std::memory_order_relaxed);
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  void work(std::size_t thread) {
    for (std::uint64_t seen = 0;; ++seen) {
      detail::wait_while_equal(job_, seen);
      if (closing_.load(std::memory_order_relaxed)) return;
      take_part(thread);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
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
  alignas(64) std::atomic<std::uint64_t> job_ = 0;
  alignas(64) std::atomic<std::size_t> next_ = 0;
  alignas(64) std::atomic<std::size_t> busy_ = 0;
  std::atomic<bool> closing_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace tulu
