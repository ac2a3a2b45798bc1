#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/tokenizer/byte_alphabet.hpp>
#include <tulu/tokenizer/byte_joins.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The merges of byte-level BPE, by rank. Texts are plain bytes; the pieces of the vocabulary are written in
/// GPT-2's alphabet.
class byte_merges {
 public:
  /// With `ignore_merges`, a word that is a piece is that piece, whatever the merges say.
  byte_merges(const vocabulary& pieces, std::span<const merge_table::rule> rules, bool ignore_merges) : merges_{rules} {
    struct span_in_texts {
      std::size_t begin, size;
      token_id id;
    };
    std::vector<bool> made(pieces.size());
    for (const auto& rule : rules) made[rule.result] = true;
    std::vector<span_in_texts> words;
    bytes_.fill(text_index::none);
    std::string bytes;
    for (token_id id = 0; id < pieces.size(); ++id) {
      bytes.clear();
      if (pieces.kind(id) == piece_kind::unused || !append_bytes_of(bytes, pieces.text(id))) continue;
      if (bytes.size() == 1) bytes_[static_cast<unsigned char>(bytes[0])] = id;
      if (made[id]) joins_.add_all(bytes);
      if (!ignore_merges || bytes.empty()) continue;
      words.push_back({texts_.size(), bytes.size(), id});
      texts_.insert(texts_.end(), bytes.begin(), bytes.end());
    }
    words_ = text_index{words.size()};
    for (const auto& [begin, size, id] : words) words_.insert({texts_.data() + begin, size}, id);
  }

  /// The piece of a byte; text_index::none where the vocabulary has none.
  [[nodiscard]] token_id piece_of_byte(char byte) const noexcept { return bytes_[static_cast<unsigned char>(byte)]; }

  void split(std::string_view text, std::vector<bpe_symbol>& out) const {
    out.resize(text.size());
    for (std::uint32_t at = 0; at < text.size(); ++at) out[at] = {at, at + 1, piece_of_byte(text[at])};
  }
  [[nodiscard]] bpe_merge find(std::string_view, bpe_symbol left, bpe_symbol right) const noexcept {
    return merges_.find(left.id, right.id);
  }
  [[nodiscard]] static std::optional<token_id> piece_of(std::string_view, bpe_symbol symbol) noexcept {
    if (symbol.id == text_index::none) return std::nullopt;
    return symbol.id;
  }

  /// The length of the part at the start of `text`, UTF-8 and not empty, that no merge reaches out of.
  [[nodiscard]] std::size_t first_part(std::string_view text) const noexcept { return joins_.first_part(text); }

  /// The piece that `word` becomes as a whole, without any merges.
  [[nodiscard]] std::optional<token_id> piece_of_word(std::string_view word) const noexcept {
    const token_id id = words_.find(word);
    if (id == text_index::none) return std::nullopt;
    return id;
  }

 private:
  merge_table merges_;
  byte_joins joins_;
  std::array<token_id, 256> bytes_{};
  std::vector<char> texts_;  ///< of the words
  text_index words_;
};

}  // namespace tulu::detail
