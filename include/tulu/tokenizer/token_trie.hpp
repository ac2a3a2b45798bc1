#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>

namespace tulu::detail {

/// Finds tokens in text the way `Trie` of transformers' tokenization_utils.py does (4.30 and 4.40 alike), its slips
/// included: as a rule the longest of the tokens that start first, but where a token lies within an attempt at a longer
/// one, that attempt goes on one character further even when the character between does not fit. So with the tokens
/// "abcd" and "b", "abxcd" is cut out of a text.
class token_trie {
 public:
  /// Adds `word`, which must be UTF-8; an empty one is left out.
  void add(std::string_view word) {
    if (word.empty()) return;
    std::uint32_t at = root;
    for (const char c : word) at = child_or_new(at, static_cast<unsigned char>(c));
    nodes_[at].terminal = true;
    const auto first = static_cast<unsigned char>(word[0]);
    distinct_starts_ += !starts_[first];
    starts_[first] = true;
    start_ = word[0];
  }

  /// The parts of `text` (any bytes; what is not UTF-8 matches nothing), in order and without gaps: the tokens found
  /// and what is between them. No part is empty. True when a token was found. `states` is memory to work in.
  bool split(std::string_view text, std::vector<std::string_view>& parts, std::vector<trie_state>& states) const {
    parts.clear();
    states.clear();
    std::size_t begun = 0;
    std::size_t skip = 0;
    bool any = false;
    const auto cut = [&](std::size_t end) {
      if (begun >= end) return;
      parts.push_back(text.substr(begun, end - begun));
      begun = end;
    };
    std::size_t at = 0;
    while (true) {
      if (states.empty()) at = next_start(text, std::max(at, skip));
      if (at >= text.size()) break;
      const std::string_view character = text.substr(at, read_utf8(text.substr(at)).length);
      if (const std::size_t done = advance(states, character); done != states.size()) {
        const match found = look_ahead(states, done, text, at, character.size());
        cut(found.begin);
        cut(found.end);
        skip = std::max(skip, found.end);
        any = true;
        states.clear();
      }
      std::erase_if(states, [](const trie_state& state) { return state.failed; });
      if (at >= skip)
        if (const std::uint32_t first = walk(root, character); first != none) states.push_back({at, first, false});
      at += character.size();
    }
    const auto last = std::find_if(states.begin(), states.end(),
                                   [this](const trie_state& state) { return nodes_[state.node].terminal; });
    if (last != states.end()) cut(last->begin);
    cut(text.size());
    return any || last != states.end();
  }

 private:
  struct node {
    std::uint32_t first_child;
    std::uint32_t next_sibling;
    unsigned char byte;
    bool terminal;
  };
  struct match {
    std::size_t begin;
    std::size_t end;
  };
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::uint32_t root = 0;

  [[nodiscard]] std::uint32_t child(std::uint32_t at, unsigned char byte) const noexcept {
    std::uint32_t next = nodes_[at].first_child;
    while (next != none && nodes_[next].byte != byte) next = nodes_[next].next_sibling;
    return next;
  }
  std::uint32_t child_or_new(std::uint32_t at, unsigned char byte) {
    if (const std::uint32_t found = child(at, byte); found != none) return found;
    const auto made = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({none, nodes_[at].first_child, byte, false});
    nodes_[at].first_child = made;
    return made;
  }
  [[nodiscard]] std::uint32_t walk(std::uint32_t at, std::string_view character) const noexcept {
    for (const char c : character) {
      if (at == none) break;
      at = child(at, static_cast<unsigned char>(c));
    }
    return at;
  }

  /// The first place from `from` on where an attempt may come to something: one that ends before a token does and
  /// before another can start is left out, for it changes nothing.
  [[nodiscard]] std::size_t next_start(std::string_view text, std::size_t from) const noexcept {
    while (true) {
      from = next_start_byte(text, from);
      if (from >= text.size()) return text.size();
      std::size_t at = from;
      std::uint32_t reached = child(root, static_cast<unsigned char>(text[at]));
      while (reached != none) {
        if (nodes_[reached].terminal || ++at == text.size()) return from;
        reached = child(reached, static_cast<unsigned char>(text[at]));
        if (reached != none && starts_[static_cast<unsigned char>(text[at])]) return from;
      }
      from = at;
    }
  }
  [[nodiscard]] std::size_t next_start_byte(std::string_view text, std::size_t from) const noexcept {
    if (from >= text.size() || distinct_starts_ == 0) return text.size();
    if (distinct_starts_ == 1) return std::min(text.find(start_, from), text.size());
    while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
    return from;
  }

  /// Moves the states on by `character`, up to the first that had reached the end of a token; returns its place.
  [[nodiscard]] std::size_t advance(std::vector<trie_state>& states, std::string_view character) const noexcept {
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (nodes_[states[i].node].terminal) return i;
      const std::uint32_t next = walk(states[i].node, character);
      if (next == none) {
        states[i].failed = true;
      } else {
        states[i].node = next;
      }
    }
    return states.size();
  }

  /// The longest token for the state `done`, which is at the end of a token before the character at `at`, or for one
  /// that started earlier and has read that character; those that failed at it count as having read it.
  [[nodiscard]] match look_ahead(const std::vector<trie_state>& states, std::size_t done, std::string_view text,
                                 std::size_t at, std::size_t length) const noexcept {
    for (std::size_t i = 0; i <= done; ++i) {
      std::size_t position = i < done ? at + length : at;
      std::uint32_t reached = states[i].node;
      std::size_t end = nodes_[reached].terminal ? position : 0;
      while (position < text.size()) {
        const std::string_view next = text.substr(position, read_utf8(text.substr(position)).length);
        reached = walk(reached, next);
        if (reached == none) break;
        position += next.size();
        if (nodes_[reached].terminal) end = position;
      }
      if (end != 0) return {states[i].begin, end};
    }
    return {states[done].begin, at};
  }

  std::vector<node> nodes_{{none, none, 0, false}};
  std::array<bool, 256> starts_{};
  int distinct_starts_ = 0;
  char start_ = 0;  ///< the only start when distinct_starts_ is 1
};

}  // namespace tulu::detail
