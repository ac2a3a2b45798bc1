#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tulu {

/// A queue between threads. It never holds more than its users put into circulation, so `push` does not wait.
template <class Item>
class channel {
 public:
  void push(Item item) {
    {
      const std::lock_guard lock{mutex_};
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
  }

  /// The oldest item; waits for one. Nothing once the channel is closed and empty.
  [[nodiscard]] std::optional<Item> pop() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<Item> item{std::move(items_.front())};
    items_.pop_front();
    return item;
  }

  /// No item follows; wakes everyone who waits.
  void close() {
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool closed_ = false;
};

}  // namespace tulu
