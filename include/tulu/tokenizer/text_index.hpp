#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace tulu::detail {

/// A hash of `text` whose low bits are as good as its high ones.
[[nodiscard]] inline std::uint64_t hash_text(std::string_view text) noexcept {
  constexpr std::uint64_t factor = 0x9E3779B97F4A7C15;
  const auto load = [](const char* from, std::size_t count) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, count);
    return value;
  };
  const auto mix = [](std::uint64_t state, std::uint64_t word) {
    state = (state ^ word) * factor;
    return state ^ state >> 32;
  };
  // Once is not enough: the highest bits of a word would reach no low bit of the hash.
  const auto mix_last = [mix](std::uint64_t state, std::uint64_t word) { return mix(mix(state, word), 0); };
  const char* const data = text.data();
  const std::size_t size = text.size();
  std::uint64_t state = size * factor;
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) state = mix(state, load(data + at, 8));
    return mix_last(state, load(data + size - 8, 8));
  }
  if (size >= 4) return mix_last(state, load(data, 4) | load(data + size - 4, 4) << 32);
  if (size == 0) return state;
  return mix_last(state, load(data, 1) | load(data + size / 2, 1) << 8 | load(data + size - 1, 1) << 16);
}

/// A hash table from texts, which belong to someone else and outlive it, to 32-bit values. A look-up that fails
/// touches one slot as a rule and no text.
class text_index {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  text_index() = default;
  /// Room for `count` texts.
  explicit text_index(std::size_t count) { grow(count); }

  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

  /// The value of `text`, or `none`.
  [[nodiscard]] std::uint32_t find(std::string_view text) const noexcept {
    if (slots_.empty()) return none;
    const std::uint64_t hash = hash_text(text);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const slot& candidate = slots_[at];
      if (candidate.entry == none) return none;
      if (candidate.tag == tag_of(hash) && texts_[candidate.entry].text == text) return texts_[candidate.entry].value;
    }
  }

  /// False, and no change, when `text` is there already.
  bool insert(std::string_view text, std::uint32_t value) {
    if ((texts_.size() + 1) * 2 > slots_.size()) grow(std::max<std::size_t>(16, texts_.size() * 2));
    const std::uint64_t hash = hash_text(text);
    std::size_t at = hash & mask();
    for (; slots_[at].entry != none; at = (at + 1) & mask())
      if (slots_[at].tag == tag_of(hash) && texts_[slots_[at].entry].text == text) return false;
    slots_[at] = {tag_of(hash), static_cast<std::uint32_t>(texts_.size())};
    texts_.push_back({text, value});
    return true;
  }

 private:
  struct slot {
    std::uint32_t tag = 0;
    std::uint32_t entry = none;
  };
  struct entry {
    std::string_view text;
    std::uint32_t value;
  };

  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  void place(std::uint64_t hash, std::uint32_t which) noexcept {
    std::size_t at = hash & mask();
    while (slots_[at].entry != none) at = (at + 1) & mask();
    slots_[at] = {tag_of(hash), which};
  }
  void grow(std::size_t count) {
    texts_.reserve(count);
    slots_.assign(std::bit_ceil(std::max<std::size_t>(count, 4) * 2), slot{});
    for (std::size_t i = 0; i < texts_.size(); ++i) place(hash_text(texts_[i].text), static_cast<std::uint32_t>(i));
  }

  std::vector<slot> slots_;
  std::vector<entry> texts_;
};

}  // namespace tulu::detail
