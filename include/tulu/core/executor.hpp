#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <tulu/core/error.hpp>

namespace tulu {

/// A fixed set of threads that work on one job after another; the caller's thread is one of them. Threads sleep
/// between jobs. One job at a time: `parallel_for` is not to be called from two threads at once or from within a job.
class executor {
 public:
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
  void parallel_for(std::size_t count, const std::function<void(std::size_t index, std::size_t thread)>& body) {
    {
      const std::lock_guard lock{mutex_};
      body_ = &body;
      count_ = count;
      next_ = 0;
      failure_ = nullptr;
      busy_ = workers_.size();
      ++job_;
    }
    wake_.notify_all();
    take_part(0);
    std::unique_lock lock{mutex_};
    done_.wait(lock, [this] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void close() noexcept {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  void work(std::size_t thread) {
    for (std::size_t seen = 0;;) {
      {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [&] { return closing_ || job_ != seen; });
        if (closing_) return;
        seen = job_;
      }
      take_part(thread);
      const std::lock_guard lock{mutex_};
      if (--busy_ == 0) done_.notify_one();
    }
  }
  void take_part(std::size_t thread) {
    try {
      for (std::size_t index = next_++; index < count_; index = next_++) (*body_)(index, thread);
    } catch (...) {
      const std::lock_guard lock{mutex_};
      if (!failure_) failure_ = std::current_exception();
      next_ = count_;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(std::size_t, std::size_t)>* body_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_ = 0;
  std::size_t busy_ = 0;
  std::size_t job_ = 0;
  bool closing_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> workers_;
};

}  // namespace tulu
