#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>

namespace tulu {

namespace detail {

/// Looks for one text in another that comes byte by byte (Knuth, Morris and Pratt).
class running_search {
 public:
  explicit running_search(std::string pattern) : pattern_{std::move(pattern)}, shorter_(pattern_.size() + 1, 0) {
    for (std::size_t length = 2; length <= pattern_.size(); ++length)
      shorter_[length] = extend(shorter_[length - 1], pattern_[length - 1]);
  }

  [[nodiscard]] const std::string& pattern() const noexcept { return pattern_; }
  /// How much of the pattern, less than all, the end of the text may be the beginning of.
  [[nodiscard]] std::size_t begun() const noexcept { return begun_; }

  /// Whether the text, with `byte` after it, ends with the pattern.
  bool push(char byte) noexcept {
    begun_ = extend(begun_, byte);
    if (begun_ != pattern_.size()) return false;
    begun_ = shorter_[begun_];
    return true;
  }

 private:
  [[nodiscard]] std::size_t extend(std::size_t length, char byte) const noexcept {
    while (length != 0 && pattern_[length] != byte) length = shorter_[length];
    return pattern_[length] == byte ? length + 1 : 0;
  }

  std::string pattern_;
  std::vector<std::size_t> shorter_;  ///< by length of a prefix: its longest proper suffix that is a prefix too
  std::size_t begun_ = 0;
};

}  // namespace detail

/// Passes text on until a stop string comes, wherever the pieces of the text are divided. What may be the beginning of
/// a stop string waits until that is decided; the stop string and what follows it are dropped.
///
/// Of several stop strings, the one that begins first ends the text, and of those the shortest: what is passed on is
/// the text up to the first place where any of them stands. Takes time linear in the text for each stop string.
class stop_matcher {
 public:
  /// Throws for a stop string that is empty or not UTF-8.
  explicit stop_matcher(std::span<const std::string> strings = {}) {
    for (const std::string& text : strings) {
      if (text.empty()) throw mismatch_error("stop string", "", "at least one character", "an empty text");
      if (!is_utf8(text)) throw mismatch_error("stop string", printable(text), "UTF-8", "other bytes");
      searches_.emplace_back(text);
    }
  }

  /// Appends to `out` what is now sure to pass of the text so far and `text` after it. Nothing once it has stopped.
  void push(std::string_view text, std::string& out) {
    for (const char byte : text) {
      if (stopped_) break;
      held_ += byte;
      for (std::size_t i = 0; i < searches_.size(); ++i) {
        if (!searches_[i].push(byte)) continue;
        const std::size_t begin = held_.size() - searches_[i].pattern().size();
        if (!found_ || begin < found_->begin) found_ = {begin, i};
      }
      stopped_ = found_ && undecided() >= found_->begin;
    }
    release(undecided(), out);
  }

  /// The text has ended: appends what still waits and is no stop string.
  void finish(std::string& out) {
    stopped_ = found_.has_value();
    release(held_.size(), out);
  }

  /// Whether a stop string has ended the text.
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  /// That stop string; empty when there was none.
  [[nodiscard]] std::string_view stopped_by() const noexcept {
    return stopped_ ? std::string_view{searches_[found_->index].pattern()} : std::string_view{};
  }

 private:
  struct occurrence {
    std::size_t begin;  ///< in held_
    std::size_t index;
  };

  /// Where in held_ the first stop string begins that is not whole yet.
  [[nodiscard]] std::size_t undecided() const noexcept {
    std::size_t longest = 0;
    for (const auto& search : searches_) longest = std::max(longest, search.begun());
    return held_.size() - longest;
  }

  void release(std::size_t end, std::string& out) {
    if (found_) end = std::min(end, found_->begin);
    out.append(held_, passed_, end - passed_);
    passed_ = end;
    if (passed_ < held_.size() / 2) return;  // so that each byte is moved once
    held_.erase(0, passed_);
    if (found_) found_->begin -= passed_;
    passed_ = 0;
  }

  std::vector<detail::running_search> searches_;
  std::string held_;        ///< the end of the text
  std::size_t passed_ = 0;  ///< what of it was passed on
  std::optional<occurrence> found_;
  bool stopped_ = false;
};

}  // namespace tulu
