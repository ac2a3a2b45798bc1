#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/character_classes.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Finds added tokens in text as one pass of tokenizers' AddedVocabulary does: of the tokens that start first, the
/// longest, then on after its end. The time is linear in the text and grows with the longest token; where nothing
/// starts like a token, it is that of a scan for a byte.
class added_vocabulary {
 public:
  /// A token and the text that it is found as, not empty: its content or what the normalizer makes of that.
  struct entry {
    std::string pattern;
    token_id id = 0;
    bool single_word = false, lstrip = false, rstrip = false;
  };

  added_vocabulary() = default;

  /// Of entries with one pattern the first counts.
  explicit added_vocabulary(std::vector<entry> entries) : entries_{std::move(entries)} {
    const auto by_pattern = [](const entry& a, const entry& b) { return a.pattern < b.pattern; };
    std::stable_sort(entries_.begin(), entries_.end(), by_pattern);
    const auto same = [](const entry& a, const entry& b) { return a.pattern == b.pattern; };
    entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
    index();
  }

  /// The tokens as they are written.
  explicit added_vocabulary(std::span<const added_token> tokens) : added_vocabulary{entries_of(tokens)} {}

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// Whether some token's text stands in `text`.
  [[nodiscard]] bool occurs_in(std::string_view text) const noexcept { return find(text, 0).length != 0; }

  /// Calls on_text(part) for the parts between tokens, none of them empty, and on_token(id) for the tokens, in order.
  /// `text` may be any bytes; what is not UTF-8 is neither a word character nor white space.
  template <class OnText, class OnToken>
  void split(std::string_view text, OnText&& on_text, OnToken&& on_token) const {
    std::size_t done = 0;
    std::size_t blanks_end = 0;  // of the white space that was skipped last: it is not walked again
    std::size_t at = 0;
    for (match found; found = find(text, at), found.length != 0; at = found.begin + found.length) {
      const entry& token = *found.token;
      const std::size_t end = found.begin + found.length;
      if (token.single_word && !stands_alone(text, found.begin, end)) continue;
      const std::size_t begin = token.lstrip ? skip_back(text, found.begin, done) : found.begin;
      if (done < begin) on_text(text.substr(done, begin - done));
      on_token(token.id);
      done = end;
      if (token.rstrip) done = blanks_end = end < blanks_end ? blanks_end : skip(text, end);
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  struct match {
    std::size_t begin = 0;
    std::size_t length = 0;  ///< 0: nothing was found
    const entry* token = nullptr;
  };

  [[nodiscard]] static std::vector<entry> entries_of(std::span<const added_token> tokens) {
    std::vector<entry> entries;
    for (const added_token& token : tokens)
      if (!token.content.empty())
        entries.push_back({token.content, token.id, token.single_word, token.lstrip, token.rstrip});
    return entries;
  }

  void index() {
    prefixes_.assign(entries_.size(), none);
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      // Sorted, the patterns that begin this one stand before it, and lead from one to the next.
      std::uint32_t shorter = i == 0 ? none : i - 1;
      while (shorter != none && !entries_[i].pattern.starts_with(entries_[shorter].pattern))
        shorter = prefixes_[shorter];
      prefixes_[i] = shorter;
      group& same_start = groups_[first_byte(entries_[i].pattern)];
      if (same_start.begin == same_start.end) {
        same_start.begin = i;
        only_start_ = starts_++ == 0 ? entries_[i].pattern[0] : '\0';
      }
      same_start.end = i + 1;
    }
  }

  [[nodiscard]] static unsigned char first_byte(std::string_view text) noexcept {
    return static_cast<unsigned char>(text[0]);
  }

  /// The first place from `at` on where some pattern can start.
  [[nodiscard]] std::size_t next_start(std::string_view text, std::size_t at) const noexcept {
    if (starts_ == 1) return std::min(text.find(only_start_, at), text.size());
    while (at < text.size() && groups_[first_byte(text.substr(at))].end == 0) ++at;
    return at;
  }

  [[nodiscard]] match find(std::string_view text, std::size_t at) const noexcept {
    if (entries_.empty()) return {};
    for (at = next_start(text, at); at < text.size(); at = next_start(text, at + 1))
      if (const entry* token = longest_at(text.substr(at))) return {at, token->pattern.size(), token};
    return {};
  }

  /// The longest pattern that `text` begins with.
  [[nodiscard]] const entry* longest_at(std::string_view text) const noexcept {
    const group among = groups_[first_byte(text)];
    const auto begin = entries_.begin() + among.begin;
    const auto after = std::upper_bound(begin, entries_.begin() + among.end, text,
                                        [](std::string_view value, const entry& e) { return value < e.pattern; });
    if (after == begin) return nullptr;
    // Each pattern that begins `text` begins the last one that is not greater, too.
    auto candidate = static_cast<std::uint32_t>(after - entries_.begin()) - 1;
    const std::string_view nearest = entries_[candidate].pattern;
    const auto differ = std::mismatch(nearest.begin(), nearest.end(), text.begin(), text.end());
    const auto common = static_cast<std::size_t>(differ.first - nearest.begin());
    while (candidate != none && entries_[candidate].pattern.size() > common) candidate = prefixes_[candidate];
    return candidate == none ? nullptr : &entries_[candidate];
  }

  /// The character that ends at `end` > 0; a byte that is not UTF-8 is U+FFFD.
  [[nodiscard]] static utf8_char read_back(std::string_view text, std::size_t end) noexcept {
    for (std::size_t back = 1; back <= 4 && back <= end; ++back) {
      const utf8_char last = read_utf8(text.substr(end - back, back));
      if (last.valid && last.length == back) return last;
    }
    return {replacement_character, 1, false};
  }
  [[nodiscard]] static bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) noexcept {
    return (begin == 0 || !is_word_character(read_back(text, begin).code)) &&
           (end == text.size() || !is_word_character(read_utf8(text.substr(end)).code));
  }
  /// The end of the white space from `at` on.
  [[nodiscard]] static std::size_t skip(std::string_view text, std::size_t at) noexcept {
    while (at < text.size()) {
      const utf8_char next = read_utf8(text.substr(at));
      if (!is_white_space(next.code)) break;
      at += next.length;
    }
    return at;
  }
  /// The start of the white space that ends at `at`, not before `limit`; `limit` when `at` is before it.
  [[nodiscard]] static std::size_t skip_back(std::string_view text, std::size_t at, std::size_t limit) noexcept {
    while (at > limit) {
      const utf8_char last = read_back(text, at);
      if (!is_white_space(last.code)) break;
      at -= last.length;
    }
    return std::max(at, limit);
  }

  /// The entries whose patterns start with one byte.
  struct group {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };

  std::vector<entry> entries_;           ///< sorted by their patterns
  std::vector<std::uint32_t> prefixes_;  ///< of each entry, the longest other one that its pattern begins with
  std::array<group, 256> groups_{};      ///< by the first byte of the pattern
  std::size_t starts_ = 0;               ///< groups that are not empty
  char only_start_ = '\0';               ///< the first byte of all patterns when there is one group
};

}  // namespace tulu::detail
