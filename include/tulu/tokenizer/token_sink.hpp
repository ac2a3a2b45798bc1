#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// Where ids go: a caller's buffer. What does not fit is counted and dropped.
class token_sink {
 public:
  explicit token_sink(std::span<token_id> buffer) noexcept
      : begin_{buffer.data()}, next_{buffer.data()}, end_{buffer.data() + buffer.size()} {}

  void push(token_id id) noexcept {
    if (next_ != end_) {
      *next_++ = id;
    } else {
      ++dropped_;
    }
  }

  /// Appends `count` ids. `ids` has at least Width elements, of which up to Width may be written beyond the appended.
  template <std::size_t Width>
  void push_some(const token_id* ids, std::size_t count) noexcept {
    if (static_cast<std::size_t>(end_ - next_) < Width) {
      for (std::size_t i = 0; i < count; ++i) push(ids[i]);
      return;
    }
    std::memcpy(next_, ids, Width * sizeof(token_id));
    next_ += count;
  }

  /// Takes back all ids but the first `count`, which are at most those given so far.
  void rewind(std::size_t count) noexcept {
    const std::size_t kept = std::min(count, static_cast<std::size_t>(end_ - begin_));
    next_ = begin_ + kept;
    dropped_ = count - kept;
  }

  /// All ids given so far, those dropped included.
  [[nodiscard]] std::size_t count() const noexcept { return static_cast<std::size_t>(next_ - begin_) + dropped_; }

 private:
  token_id* begin_;
  token_id* next_;
  token_id* end_;
  std::size_t dropped_ = 0;
};

}  // namespace tulu
