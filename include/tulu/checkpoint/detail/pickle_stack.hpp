#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/checkpoint/detail/pickle_object.hpp>
#include <tulu/core/error.hpp>

namespace tulu::checkpoint::detail {

/// The stack, marks and memo of a pickle machine, and the objects on them. Everything that a pickle can get wrong here
/// throws. Memory is bounded by the bytes read and by `most_objects`; nothing recurses.
class pickle_stack {
 public:
  static constexpr std::size_t most_objects = std::size_t{1} << 22;

 protected:
  /// `label` outlives this object. Memo ids reach up to the bytes of the pickle: each needs an opcode.
  pickle_stack(std::string_view label, std::size_t pickle_bytes)
      : label_{label}, most_memo_{std::min(most_objects, pickle_bytes)} {}

  [[noreturn]] void refuse(std::string_view expected, std::string_view found) const {
    throw mismatch_error(label_, "byte " + std::to_string(at_), expected, found);
  }
  [[noreturn]] void refuse(std::string_view expected, object_id found) const {
    refuse(expected, describe(out_.objects[found]));
  }

  void push_id(object_id id) {
    if (stack_.size() >= most_objects) refuse("a stack of at most " + std::to_string(most_objects), "a deeper one");
    stack_.push_back(id);
  }

  void push(py_object object) {
    if (out_.objects.size() >= most_objects)
      refuse("at most " + std::to_string(most_objects) + " objects in a pickle", "more");
    out_.objects.push_back(std::move(object));
    push_id(static_cast<object_id>(out_.objects.size() - 1));
  }

  void need(std::size_t count) const {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count)
      refuse("objects on the stack for this opcode", "too few");
  }

  object_id pop() {
    need(1);
    const object_id top = stack_.back();
    stack_.pop_back();
    return top;
  }

  std::vector<object_id> pop_many(std::size_t count) {
    need(count);
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<object_id> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    return items;
  }

  std::vector<object_id> pop_to_mark() {
    if (marks_.empty()) refuse("a MARK", "none");
    std::vector<object_id> items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  template <class Kind>
  Kind& top_as(std::string_view expected) {
    need(1);
    Kind* const object = std::get_if<Kind>(&out_.objects[stack_.back()]);
    if (object == nullptr) refuse(expected, stack_.back());
    return *object;
  }

  template <class Kind>
  const Kind& as(object_id id, std::string_view expected) const {
    const Kind* const object = out_.get_if<Kind>(id);
    if (object == nullptr) refuse(expected, id);
    return *object;
  }

  void memoise(std::size_t index) {
    need(1);
    if (index >= most_memo_) refuse("a memo id below " + std::to_string(most_memo_), std::to_string(index));
    if (index >= memo_.size()) memo_.resize(index + 1, missing);
    if (memo_[index] == missing) ++memo_count_;
    memo_[index] = stack_.back();
  }

  void recall(std::size_t index) {
    if (index >= memo_.size() || memo_[index] == missing)
      refuse("the id of an object in the memo", std::to_string(index));
    push_id(memo_[index]);
  }

  void mark() { marks_.push_back(stack_.size()); }

  void duplicate() {
    need(1);
    push_id(stack_.back());
  }

  void pop_one() {
    if (!marks_.empty() && marks_.back() == stack_.size()) return marks_.pop_back();
    static_cast<void>(pop());
  }

  std::size_t at_ = 0;  ///< the byte of the current opcode, for errors
  pickled out_;
  std::size_t memo_count_ = 0;

 private:
  static constexpr object_id missing = std::numeric_limits<object_id>::max();

  std::string_view label_;
  std::size_t most_memo_;
  std::vector<object_id> stack_;
  std::vector<std::size_t> marks_;
  std::vector<object_id> memo_;
};

}  // namespace tulu::checkpoint::detail
