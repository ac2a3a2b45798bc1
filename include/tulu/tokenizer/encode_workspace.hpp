#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/tokenizer/vocabulary.hpp>
#include <tulu/tokenizer/word_cache.hpp>

namespace tulu {

namespace detail {

/// One symbol of a text that is being merged: its bytes and its piece.
struct bpe_symbol {
  std::uint32_t begin;
  std::uint32_t end;
  token_id id;
};

/// What a pair of neighbours would become; of several, the one with the smallest priority is merged first.
struct bpe_merge {
  static constexpr std::uint32_t never = 0xFFFFFFFF;

  std::uint32_t priority = never;
  token_id id = 0;
};

/// The best way to an end of a unigram piece: the last piece of it, where that begins, and the score of all of it.
struct unigram_node {
  static constexpr std::size_t unreached = static_cast<std::size_t>(-1);

  std::size_t begin = unreached;
  float score = 0;
  token_id id = 0;
};

/// An attempt to read a token from `begin` on, at a node of a token_trie.
struct trie_state {
  std::size_t begin;
  std::uint32_t node;
  bool failed;
};

}  // namespace detail

/// The memory that encoding works in: give the same one to every call of a thread, and calls stop allocating once it
/// has grown to the largest text. It remembers words of the tokenizer that used it last.
struct encode_workspace {
  std::shared_ptr<const void> owner;  ///< identifies the model whose words are remembered
  detail::word_cache<2, 14> short_words;
  detail::word_cache<4, 13> long_words;
  std::vector<detail::bpe_symbol> symbols, next_symbols;
  std::vector<detail::bpe_merge> merges;
  std::vector<detail::unigram_node> lattice;
  std::string chunk;       ///< a word put right: the dummy prefix before it, U+FFFD for what is not UTF-8
  std::string normalized;  ///< the output of a normalizer
  std::vector<detail::trie_state> trie_states;
  std::vector<std::string_view> parts;  ///< of a text: special tokens and what is between them
  std::string segment;                  ///< a part of the text between special tokens, as its mode hands it on
};

}  // namespace tulu
