#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/spelled_pieces.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The merges of Hugging Face's BPE: a list of pairs of pieces, the first of the list first, of the same pair the
/// leftmost (models/bpe/word.rs). A character without a piece starts as the pieces of its bytes, or as the unknown one.
class rank_merges {
 public:
  using rule = merge_table::rule;

  rank_merges(const vocabulary& pieces, std::span<const rule> rules, const bpe_options& options)
      : options_{options}, texts_{pieces, options.escape_spaces}, pieces_{pieces.size()}, merges_{rules} {
    for (token_id id = 0; id < pieces.size(); ++id)
      if (!texts_[id].empty()) pieces_.insert(texts_[id], id);
    for (const rule& made : rules)
      if (is_byte(made.left) || is_byte(made.right)) spells_text_ = false;
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
    return merges_.find(left.id, right.id);
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
    merges_.for_each([&](const bpe_merge& merge) { visit(texts_[merge.id], merge.priority); });
  }
  /// False when a byte's piece can merge: then what a symbol spells is not what stands in the text.
  [[nodiscard]] bool spells_text() const noexcept { return spells_text_; }

 private:
  [[nodiscard]] bool is_byte(token_id id) const noexcept {
    return options_.byte_fallback &&
           std::find(options_.byte_ids.begin(), options_.byte_ids.end(), id) != options_.byte_ids.end();
  }

  bpe_options options_;
  spelled_pieces texts_;
  text_index pieces_;
  merge_table merges_;
  bool spells_text_ = true;
};

}  // namespace tulu::detail
