#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tulu/sampling/softmax.hpp>

namespace tulu::sampling {

/// The ids that may still be drawn, in ascending order, each with its logit. All memory is taken when it is made.
class candidates {
 public:
  /// Room for `capacity` ids; none is in it.
  explicit candidates(std::size_t capacity) : ids_(capacity), logits_(capacity) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return ids_.size(); }
  [[nodiscard]] std::span<const std::uint32_t> ids() const noexcept { return std::span{ids_}.first(size_); }
  [[nodiscard]] std::span<const float> logits() const noexcept { return std::span{logits_}.first(size_); }
  [[nodiscard]] std::span<float> logits() noexcept { return std::span{logits_}.first(size_); }

  void clear() noexcept { size_ = 0; }
  /// `id` is above all that are in it, and there is room.
  void append(std::uint32_t id, float logit) noexcept {
    ids_[size_] = id;
    logits_[size_++] = logit;
  }
  /// Drops every candidate whose index `keep` does not want; the others stay in order. `keep` is asked in order.
  template <class Keep>
  void keep_if(Keep keep) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (!keep(i)) continue;
      ids_[kept] = ids_[i];
      logits_[kept++] = logits_[i];
    }
    size_ = kept;
  }

 private:
  std::vector<std::uint32_t> ids_;
  std::vector<float> logits_;
  std::size_t size_ = 0;
};

/// The `count`-th largest of `values`, which hold no NaN; 1 ≤ count ≤ values.size() = scratch.size(). Linear time: a
/// pass that collects what is above the `count`-th largest so far.
[[nodiscard]] inline float nth_largest(std::span<const float> values, std::size_t count, std::span<float> scratch) {
  const std::size_t room = std::min(values.size(), std::max<std::size_t>(2 * count, 64));
  std::size_t used = 0;
  float threshold = -infinity;
  bool full = false;  // whether `count` values are known that are not below `threshold`
  const auto select = [&] {
    const auto begin = scratch.begin();
    std::nth_element(begin, begin + static_cast<std::ptrdiff_t>(count - 1), begin + static_cast<std::ptrdiff_t>(used),
                     [](float a, float b) { return a > b; });
    threshold = scratch[count - 1];
    used = count;
    full = true;
  };
  for (const float value : values) {
    if (full && value <= threshold) continue;
    if (used == room) {
      select();
      if (value <= threshold) continue;
    }
    scratch[used++] = value;
  }
  select();
  return threshold;
}

/// Calls `take(id)` for the `count` ids of the largest logits, in ascending order; among equal logits the lower ids
/// are taken. `scratch` and `count` as for `nth_largest`.
template <class Take>
void for_each_largest(std::span<const float> logits, std::size_t count, std::span<float> scratch, Take take) {
  const float threshold = nth_largest(logits, count, scratch);
  auto equal = static_cast<std::ptrdiff_t>(count);
  for (const float logit : logits) equal -= logit > threshold ? 1 : 0;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] < threshold) continue;
    if (logits[id] > threshold || equal-- > 0) take(id);
  }
}

/// Fills `out` with the ids whose logits are above -inf, at most `top_k` of them when it is not 0: those of the largest
/// logits, as transformers' TopKLogitsWarper, but among logits that equal the last one the lower ids. When there are
/// logits of +inf, only those are taken, with logit 0. `largest` is the largest of `logits`, and `scratch` has the size
/// of `logits`, which is the capacity of `out`.
inline void select_candidates(std::span<const float> logits, float largest, std::size_t top_k, candidates& out,
                              std::span<float> scratch) {
  out.clear();
  const float least = largest == infinity ? infinity : -std::numeric_limits<float>::max();
  const auto take = [&](std::size_t id) {
    if (logits[id] >= least) out.append(static_cast<std::uint32_t>(id), largest == infinity ? 0.0F : logits[id]);
  };
  if (top_k != 0 && top_k < logits.size()) {
    for_each_largest(logits, top_k, scratch, take);
  } else {
    for (std::size_t id = 0; id < logits.size(); ++id) take(id);
  }
}

}  // namespace tulu::sampling
