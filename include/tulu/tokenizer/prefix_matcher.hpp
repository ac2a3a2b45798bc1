#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/tokenizer/byte_trie.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The length that the lead byte of a UTF-8 sequence announces; 1 for a byte that is no lead byte.
[[nodiscard]] constexpr std::size_t utf8_length_of_lead(char lead) noexcept {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Finds the symbols that SentencePiece keeps whole, the user-defined pieces, at the start of a text.
class prefix_matcher {
 public:
  struct match {
    std::size_t length;
    bool found;
    token_id id;  ///< of the symbol that was found, or its place in the list that the matcher was made of
  };

  prefix_matcher() = default;
  explicit prefix_matcher(const std::vector<std::string_view>& symbols) : trie_{keys_of(symbols)} {}
  /// The user-defined pieces of `pieces`.
  explicit prefix_matcher(const vocabulary& pieces) : trie_{user_defined(pieces)} {}

  [[nodiscard]] bool empty() const noexcept { return trie_.empty(); }

  /// The longest symbol at the start of `text`, which must not be empty. Of more than 64 symbols that are prefixes of
  /// each other, the 64th shortest is the longest considered. When there is none: the length of one character, told by
  /// its lead byte alone, at most the length of the text.
  [[nodiscard]] match at_start_of(std::string_view text) const noexcept {
    match found = find(text);
    if (!found.found) found.length = std::min(text.size(), utf8_length_of_lead(text[0]));
    return found;
  }

  /// The length of the longest symbol at the start of `text`, as above, or 0.
  [[nodiscard]] std::size_t longest(std::string_view text) const noexcept { return find(text).length; }

  /// Whether a symbol is a prefix of `text`, or `text` of a symbol.
  [[nodiscard]] bool may_start_with(std::string_view text) const noexcept {
    byte_trie::node at = byte_trie::root;
    for (const char byte : text) {
      at = trie_.step(at, byte);
      if (at == byte_trie::none) return false;
      if (trie_.value(at) != byte_trie::none) return true;
    }
    return true;
  }

 private:
  [[nodiscard]] match find(std::string_view text) const noexcept {
    constexpr std::size_t most_results = 64;
    match best{0, false, 0};
    std::size_t results = 0;
    byte_trie::node at = byte_trie::root;
    for (std::size_t i = 0; i < text.size() && results < most_results; ++i) {
      at = trie_.step(at, text[i]);
      if (at == byte_trie::none) break;
      if (trie_.value(at) == byte_trie::none) continue;
      best = {i + 1, true, trie_.value(at)};
      ++results;
    }
    return best;
  }
  [[nodiscard]] static std::vector<byte_trie::key> keys_of(const std::vector<std::string_view>& symbols) {
    std::vector<byte_trie::key> keys;
    for (const std::string_view symbol : symbols) keys.push_back({symbol, static_cast<token_id>(keys.size())});
    return keys;
  }
  [[nodiscard]] static std::vector<byte_trie::key> user_defined(const vocabulary& pieces) {
    std::vector<byte_trie::key> keys;
    for (token_id id = 0; id < pieces.size(); ++id)
      if (pieces.kind(id) == piece_kind::user_defined) keys.push_back({pieces.text(id), id});
    return keys;
  }

  byte_trie trie_;
};

}  // namespace tulu::detail
