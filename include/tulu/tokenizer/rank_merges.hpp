#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/spelled_pieces.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The merges of Hugging Face's BPE: a list of pairs of pieces, the first of the list first, of the same pair the
/// leftmost (models/bpe/word.rs). A character without a piece starts as the pieces of its bytes, or as the unknown one.
class rank_merges {
 public:
  /// Two pieces and what they become; the text of `result` is the texts of `left` and `right` joined.
  struct rule {
    token_id left, right, result;
  };

  /// `rules` in the order of their ranks; of rules with the same pair the last one counts.
  rank_merges(const vocabulary& pieces, std::span<const rule> rules, const bpe_options& options)
      : options_{options},
        texts_{pieces, options.escape_spaces},
        pieces_{pieces.size()},
        slots_(std::bit_ceil(rules.size() * 2 + 2)) {
    for (token_id id = 0; id < pieces.size(); ++id)
      if (!texts_[id].empty()) pieces_.insert(texts_[id], id);
    for (std::size_t rank = 0; rank < rules.size(); ++rank) {
      slot& place = slot_of(rules[rank].left, rules[rank].right);
      place = {key_of(rules[rank].left, rules[rank].right), {static_cast<std::uint32_t>(rank), rules[rank].result}};
      if (is_byte(rules[rank].left) || is_byte(rules[rank].right)) spells_text_ = false;
    }
  }

  void split(std::string_view text, std::vector<bpe_symbol>& out) const {
    out.clear();
    for (std::uint32_t at = 0; at < text.size();) {
      const auto length = static_cast<std::uint32_t>(read_utf8(text.substr(at)).length);
      const token_id id = pieces_.find(text.substr(at, length));
      const bool blank = options_.escape_spaces && text[at] == ' ';  // three bytes in truth: left to who gives out ids
      if (id == text_index::none && options_.byte_fallback && !blank) {
        for (std::uint32_t i = at; i < at + length; ++i)
          out.push_back({i, i + 1, options_.byte_ids[static_cast<unsigned char>(text[i])]});
      } else {
        out.push_back({at, at + length, id});
      }
      at += length;
    }
  }

  [[nodiscard]] bpe_merge find(std::string_view, bpe_symbol left, bpe_symbol right) const noexcept {
    return left.id == text_index::none || right.id == text_index::none ? bpe_merge{} : slot_of(left.id, right.id).merge;
  }

  [[nodiscard]] static std::optional<token_id> piece_of(std::string_view, bpe_symbol symbol) noexcept {
    if (symbol.id == text_index::none) return std::nullopt;
    return symbol.id;
  }

  /// The piece with this text, if any.
  [[nodiscard]] std::optional<token_id> piece_of(std::string_view text) const noexcept {
    const token_id id = pieces_.find(text);
    if (id == text_index::none) return std::nullopt;
    return id;
  }

  /// Calls visit(text, id) for the characters that have a piece of their own.
  template <class Visit>
  void for_each_character(Visit&& visit) const {
    for (token_id id = 0; id < texts_.size(); ++id)
      if (is_one_character(texts_[id])) visit(texts_[id], id);
  }

  template <class Visit>
  void for_each_result(Visit&& visit) const {
    for (const slot& used : slots_)
      if (used.key != no_key) visit(texts_[used.merge.id], used.merge.priority);
  }
  /// False when a byte's piece can merge: then what a symbol spells is not what stands in the text.
  [[nodiscard]] bool spells_text() const noexcept { return spells_text_; }

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
  template <class Slots>
  [[nodiscard]] static auto& find_slot(Slots& slots, token_id left, token_id right) noexcept {
    const std::uint64_t key = key_of(left, right);
    const std::size_t mask = slots.size() - 1;
    std::size_t at = (key * 0x9E3779B97F4A7C15 >> 32) & mask;
    while (slots[at].key != no_key && slots[at].key != key) at = (at + 1) & mask;
    return slots[at];
  }
  [[nodiscard]] slot& slot_of(token_id left, token_id right) noexcept { return find_slot(slots_, left, right); }
  [[nodiscard]] const slot& slot_of(token_id left, token_id right) const noexcept {
    return find_slot(slots_, left, right);
  }
  [[nodiscard]] bool is_byte(token_id id) const noexcept {
    return options_.byte_fallback &&
           std::find(options_.byte_ids.begin(), options_.byte_ids.end(), id) != options_.byte_ids.end();
  }

  bpe_options options_;
  spelled_pieces texts_;
  text_index pieces_;
  std::vector<slot> slots_;
  bool spells_text_ = true;
};

}  // namespace tulu::detail
