#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The list of merges of Hugging Face's BPE, by the pair: the first of the list has the smallest priority.
class merge_table {
 public:
  /// Two pieces and what they become; the text of `result` is the texts of `left` and `right` joined.
  struct rule {
    token_id left, right, result;
  };

  /// `rules` in the order of their ranks; of rules with the same pair the last one counts.
  explicit merge_table(std::span<const rule> rules) : slots_(std::bit_ceil(rules.size() * 2 + 2)) {
    for (std::size_t rank = 0; rank < rules.size(); ++rank) {
      slots_[slot_of(rules[rank].left, rules[rank].right)] = {key_of(rules[rank].left, rules[rank].right),
                                                              {static_cast<std::uint32_t>(rank), rules[rank].result}};
    }
  }

  /// What the pieces `left` and `right` become; text_index::none is no piece and becomes nothing.
  [[nodiscard]] bpe_merge find(token_id left, token_id right) const noexcept {
    return left == text_index::none || right == text_index::none ? bpe_merge{} : slots_[slot_of(left, right)].merge;
  }

  /// Calls visit(merge) for each pair's merge.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const slot& used : slots_)
      if (used.key != no_key) visit(used.merge);
  }

 private:
  static constexpr std::uint64_t no_key = ~std::uint64_t{0};
  struct slot {
    std::uint64_t key = no_key;
    bpe_merge merge;
  };

  [[nodiscard]] static std::uint64_t key_of(token_id left, token_id right) noexcept {
    return std::uint64_t{left} << 32 | right;
  }
  /// The slot of a pair, or the free one where it belongs.
  [[nodiscard]] std::size_t slot_of(token_id left, token_id right) const noexcept {
    const std::uint64_t key = key_of(left, right);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (key * 0x9E3779B97F4A7C15 >> 32) & mask;
    while (slots_[at].key != no_key && slots_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  std::vector<slot> slots_;
};

}  // namespace tulu::detail
