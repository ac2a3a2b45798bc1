#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// Where ids go: a caller's buffer, of which what does not fit is counted and dropped; or a vector that grows.
class token_sink {
 public:
  explicit token_sink(std::span<token_id> buffer) noexcept
      : begin_{buffer.data()}, next_{buffer.data()}, end_{buffer.data() + buffer.size()} {}

  /// Overwrites `ids` from its start and makes it longer as needed; `finish` cuts it to what was given.
  [[nodiscard]] static token_sink growing(std::vector<token_id>& ids) noexcept {
    token_sink sink{ids};
    sink.grows_ = &ids;
    return sink;
  }
  void finish() { grows_->resize(count()); }

  void push(token_id id) {
    if (next_ != end_ || make_room()) {
      *next_++ = id;
    } else {
      ++dropped_;
    }
  }

  /// Appends `count` ids. `ids` has at least Width elements, of which up to Width may be written beyond the appended.
  template <std::size_t Width>
  void push_some(const token_id* ids, std::size_t count) {
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
  [[nodiscard]] bool make_room() {
    if (grows_ == nullptr) return false;
    const std::size_t used = grows_->size();
    grows_->resize(used * 2 + 64);
    begin_ = grows_->data();
    next_ = begin_ + used;
    end_ = begin_ + grows_->size();
    return true;
  }

  token_id* begin_;
  token_id* next_;
  token_id* end_;
  std::size_t dropped_ = 0;
  std::vector<token_id>* grows_ = nullptr;
};

}  // namespace tulu
