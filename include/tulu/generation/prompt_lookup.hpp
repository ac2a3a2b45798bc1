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
/// A table of fixed size says where each n-gram stood last. It holds no n-grams: two may share an entry, the newer
/// one has it, and what an entry says is compared with the sequence. So the time for a token is constant and the memory
/// that of the capacity, whatever the sequence is.
class prompt_lookup {
 public:
  static constexpr std::size_t shortest = 2, longest = 4;  ///< tokens of an n-gram

  /// For a sequence of up to about `capacity` tokens; a longer one is guessed less well.
  explicit prompt_lookup(std::size_t capacity) : after_(std::bit_ceil(per_token * std::max<std::size_t>(1, capacity))) {
    tokens_.reserve(capacity);
  }

  /// The sequence goes on with `token`.
  void push(token_id token) {
    const hashes end = end_hashes();
    for (std::size_t n = shortest; n <= std::min(longest, tokens_.size()); ++n) after_[entry(end[n])] = tokens_.size();
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
  static constexpr std::size_t per_token = 4;  ///< entries; three n-grams end with each token
  using hashes = std::array<std::uint64_t, longest + 1>;

  /// By n, the hash of the last n tokens, as many as there are.
  [[nodiscard]] hashes end_hashes() const noexcept {
    hashes made{};
    for (std::size_t n = 1; n <= std::min(longest, tokens_.size()); ++n)
      made[n] = (made[n - 1] + tokens_[tokens_.size() - n] + 1) * 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
    return made;
  }
  [[nodiscard]] std::size_t entry(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash ^ hash >> 32U) & (after_.size() - 1);
  }

  /// The place behind the last earlier occurrence of the longest end; 0 when there is none.
  [[nodiscard]] std::size_t find() const noexcept {
    const hashes end = end_hashes();
    const std::span<const token_id> tokens{tokens_};
    for (std::size_t n = std::min(longest, tokens.size()); n >= shortest; --n) {
      const std::size_t at = after_[entry(end[n])];
      if (at >= n && std::ranges::equal(tokens.subspan(at - n, n), tokens.last(n))) return at;
    }
    return 0;
  }

  std::vector<token_id> tokens_;
  std::vector<std::size_t> after_;  ///< by hash of an n-gram: the place behind its last occurrence; 0: none
};

}  // namespace tulu
