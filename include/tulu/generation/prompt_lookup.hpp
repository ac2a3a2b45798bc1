#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// Guesses how a sequence goes on: as it did after the last place where its end, the longest that there is, stood
/// before. Where texts repeat themselves, as in summaries, corrections and code, that is often right (prompt lookup
/// decoding, Saxena 2023; examples/lookup of llama.cpp).
///
/// For each length of n-grams a hash table of fixed size says where each stood last; what it says is compared with the
/// sequence. A few entries are looked at and then one is given up for a newer n-gram, so that the time for a token is
/// constant and the memory that of the capacity, whatever the sequence is.
class prompt_lookup {
 public:
  static constexpr std::size_t shortest = 2, longest = 4;  ///< tokens of an n-gram

  /// For a sequence of up to about `capacity` tokens; a longer one is guessed less well.
  explicit prompt_lookup(std::size_t capacity) {
    tokens_.reserve(capacity);
    for (auto& entries : after_) entries.resize(std::bit_ceil(2 * capacity + probes));
  }

  /// The sequence goes on with `token`.
  void push(token_id token) {
    const hashes end = end_hashes();
    for (std::size_t n = shortest; n <= std::min(longest, tokens_.size()); ++n)
      after_[n - shortest][entry(n, end[n])] = tokens_.size();
    tokens_.push_back(token);
  }

  /// Replaces `out` by up to `most` tokens that may come next. A repetition that reaches the end of the sequence is
  /// taken to go on.
  void guess(std::size_t most, std::vector<token_id>& out) const {
    out.clear();
    const std::size_t from = find();
    if (from == 0) return;
    for (std::size_t i = 0; i < most; ++i) {
      const std::size_t at = from + i;
      out.push_back(at < tokens_.size() ? tokens_[at] : out[at - tokens_.size()]);
    }
  }

 private:
  static constexpr std::size_t probes = 16;  ///< entries that an n-gram may be in
  using hashes = std::array<std::uint64_t, longest + 1>;

  /// By n, the hash of the last n tokens, as many as there are.
  [[nodiscard]] hashes end_hashes() const noexcept {
    hashes made{};
    for (std::size_t n = 1; n <= std::min(longest, tokens_.size()); ++n)
      made[n] = (made[n - 1] + tokens_[tokens_.size() - n] + 1) * 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
    return made;
  }

  /// Whether the n tokens before `at` are the last n.
  [[nodiscard]] bool is_end(std::size_t at, std::size_t n) const noexcept {
    const std::span<const token_id> tokens{tokens_};
    return at >= n && std::ranges::equal(tokens.subspan(at - n, n), tokens.last(n));
  }

  /// Where in its table the n-gram at the end is; when it is nowhere, where it may be put.
  [[nodiscard]] std::size_t entry(std::size_t n, std::uint64_t hash) const noexcept {
    const auto& entries = after_[n - shortest];
    const auto first = static_cast<std::size_t>(hash ^ hash >> 32U);
    std::size_t index = 0;
    for (std::size_t i = 0; i < probes; ++i) {
      index = (first + i) & (entries.size() - 1);
      if (entries[index] == 0 || is_end(entries[index], n)) break;
    }
    return index;
  }

  /// The place behind the last earlier occurrence of the longest end; 0 when there is none.
  [[nodiscard]] std::size_t find() const noexcept {
    const hashes end = end_hashes();
    for (std::size_t n = std::min(longest, tokens_.size()); n >= shortest; --n) {
      const std::size_t at = after_[n - shortest][entry(n, end[n])];
      if (is_end(at, n)) return at;
    }
    return 0;
  }

  std::vector<token_id> tokens_;
  /// By n - shortest and hash of an n-gram: the place behind its last occurrence; 0: none.
  std::array<std::vector<std::size_t>, longest - shortest + 1> after_;
};

}  // namespace tulu
