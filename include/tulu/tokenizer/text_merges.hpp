#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/spelled_pieces.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The merges of SentencePiece's BPE: two neighbours merge when their joined text is a piece; the piece with the
/// highest score first, of equal ones the leftmost (bpe_model.cc).
class text_merges {
 public:
  text_merges(const vocabulary& pieces, const bpe_options& options)
      : texts_{pieces, options.escape_spaces},
        index_{pieces.size()},
        priority_(pieces.size(), bpe_merge::never),
        emitted_(pieces.size()),
        unused_(pieces.size()) {
    for (token_id id = 0; id < pieces.size(); ++id) {
      emitted_[id] = id;
      unused_[id] = pieces.kind(id) == piece_kind::unused;
      any_unused_ = any_unused_ || unused_[id];
      if (!merges(pieces.kind(id)) || texts_[id].empty()) continue;
      priority_[id] = priority_of(pieces.score(id));
      longest_ = std::max(longest_, texts_[id].size());
      index_.insert(texts_[id], id);
    }
    // Of a reserved piece and another one with the same text, SentencePiece gives the id of the reserved one.
    for (token_id id = 0; id < pieces.size(); ++id)
      if (!merges(pieces.kind(id)) && !texts_[id].empty() && !index_.insert(texts_[id], id))
        emitted_[index_.find(texts_[id])] = id;
  }

  /// The symbols that merging starts from: the characters of `text`.
  void split(std::string_view text, std::vector<bpe_symbol>& out) const {
    out.clear();
    for (std::uint32_t at = 0; at < text.size();) {
      const auto length = static_cast<std::uint32_t>(read_utf8(text.substr(at)).length);
      out.push_back({at, at + length, text_index::none});
      at += length;
    }
  }

  [[nodiscard]] bpe_merge find(std::string_view text, bpe_symbol left, bpe_symbol right) const noexcept {
    if (right.end - left.begin > longest_) return {};
    const token_id id = index_.find(text.substr(left.begin, right.end - left.begin));
    return id == text_index::none ? bpe_merge{} : bpe_merge{priority_[id], id};
  }

  /// The piece that `symbol` is given out as; none when it is unknown.
  [[nodiscard]] std::optional<token_id> piece_of(std::string_view text, bpe_symbol symbol) const noexcept {
    token_id id = symbol.id;
    if (id == text_index::none) id = index_.find(text.substr(symbol.begin, symbol.end - symbol.begin));
    if (id == text_index::none) return std::nullopt;
    return emitted_[id];
  }

  /// Pieces that are not given out but split again: see merge_queue.
  [[nodiscard]] bool is_unused(token_id id) const noexcept { return unused_[id]; }
  [[nodiscard]] bool any_unused() const noexcept { return any_unused_; }

  /// The piece with this text, if any.
  [[nodiscard]] std::optional<token_id> piece_of(std::string_view text) const noexcept {
    return piece_of(text, {0, static_cast<std::uint32_t>(text.size()), text_index::none});
  }

  /// Calls visit(text, id) for the characters that have a piece of their own.
  template <class Visit>
  void for_each_character(Visit&& visit) const {
    for (token_id id = 0; id < texts_.size(); ++id)
      if (is_one_character(texts_[id])) visit(texts_[id], emitted_[index_.find(texts_[id])]);
  }

  /// Calls visit(text, priority) for everything that a merge can make.
  template <class Visit>
  void for_each_result(Visit&& visit) const {
    for (token_id id = 0; id < texts_.size(); ++id)
      if (priority_[id] != bpe_merge::never) visit(texts_[id], priority_[id]);
  }
  /// Whether every symbol spells its own text, as all of these do.
  [[nodiscard]] static constexpr bool spells_text() noexcept { return true; }

 private:
  [[nodiscard]] static bool merges(piece_kind kind) noexcept {
    return kind == piece_kind::normal || kind == piece_kind::user_defined || kind == piece_kind::unused;
  }
  /// Smaller for a higher score; the order of floats without NaN, with both zeros equal.
  [[nodiscard]] static std::uint32_t priority_of(float score) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(score == 0 ? 0.0F : score);
    return (bits & 0x80000000) != 0 ? bits : ~(bits | 0x80000000);
  }

  spelled_pieces texts_;
  text_index index_;
  std::vector<std::uint32_t> priority_;
  std::vector<token_id> emitted_;
  std::vector<bool> unused_;
  bool any_unused_ = false;
  std::size_t longest_ = 0;
};

}  // namespace tulu::detail
