#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/charsmap.hpp>
#include <tulu/tokenizer/prefix_matcher.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// What SentencePiece does to a text before it looks for pieces. Keeps nothing of the model.
class sentencepiece_normalizer {
 public:
  explicit sentencepiece_normalizer(const sentencepiece_model& model)
      : sentencepiece_normalizer{model.normalization, model.name, model.treat_whitespace_as_suffix,
                                 prefix_matcher{model.pieces}} {}
  /// `name` (a file) is named in the error for a damaged charsmap. A denormalizer has the defaults of the others.
  sentencepiece_normalizer(const sentencepiece_model::normalizer& settings, std::string_view name,
                           bool space_as_suffix = false, prefix_matcher symbols = {})
      : charsmap_{settings.precompiled_charsmap, name},
        symbols_{std::move(symbols)},
        remove_spaces_{settings.remove_extra_whitespaces},
        space_as_suffix_{space_as_suffix},
        space_{settings.escape_whitespaces ? space_symbol : std::string_view{" "}} {
    find_plain_bytes();
  }

  /// Whether `normalize`, but for the spelling of blanks, the dummy prefix and U+FFFD for what is not UTF-8, leaves
  /// every text as it is.
  [[nodiscard]] bool is_identity() const noexcept {
    return charsmap_.empty() && symbols_.empty() && !remove_spaces_ && !space_as_suffix_;
  }

  /// Sets `out` to the normalized `text`. `dummy_prefix`: with a blank before it, or after it for a model that treats
  /// whitespace as suffix; whether the model asks for one is the caller's business. A text that is empty, or all
  /// blanks of which the extra ones are removed, becomes empty.
  void normalize(std::string_view text, bool dummy_prefix, std::string& out) const {
    out.clear();
    if (remove_spaces_) remove_leading_spaces(text);
    if (text.empty()) return;
    out.reserve(text.size() + text.size() / 2 + 2 * space_.size());
    if (dummy_prefix && !space_as_suffix_) out.append(space_);
    bool after_space = remove_spaces_;
    while (!text.empty()) {
      const std::size_t plain = plain_prefix(text);
      if (plain != 0) {
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        after_space = false;
        if (text.empty()) break;
      }
      const part next = first_part(text);
      text.remove_prefix(next.length);
      append(next.normalized, after_space, out);
    }
    if (remove_spaces_)
      while (out.ends_with(space_)) out.resize(out.size() - space_.size());
    if (dummy_prefix && space_as_suffix_) out.append(space_);
  }

 private:
  /// The start of a text and what becomes of it.
  struct part {
    std::size_t length;
    std::string_view normalized;
  };
  static constexpr std::string_view replacement = "\xEF\xBF\xBD";
  static constexpr std::size_t ascii_count = 128;

  [[nodiscard]] part first_part(std::string_view text) const noexcept {
    if (const std::size_t length = symbols_.longest(text)) return {length, text.substr(0, length)};
    if (const charsmap::rule rule = charsmap_.find(text); rule.length != 0) return {rule.length, rule.replacement};
    const utf8_char next = read_utf8(text);
    return {next.length, next.valid ? text.substr(0, next.length) : replacement};
  }

  void remove_leading_spaces(std::string_view& text) const noexcept {
    while (!text.empty()) {
      const part next = first_part(text);
      if (next.normalized != " ") return;
      text.remove_prefix(next.length);
    }
  }

  /// Appends `text` with its blanks spelled as pieces spell them. `after_space`: blanks at its start are extra.
  void append(std::string_view text, bool& after_space, std::string& out) const {
    if (after_space) text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return;
    after_space = remove_spaces_ && text.ends_with(' ');
    while (!text.empty()) {
      const std::size_t word = std::min(text.find(' '), text.size());
      out.append(text.substr(0, word));
      if (word == text.size()) return;
      out.append(space_);
      text.remove_prefix(word + 1);
    }
  }

  /// The number of characters at the start of `text` that stay as they are because they are plain and followed by
  /// ASCII or by nothing.
  [[nodiscard]] std::size_t plain_prefix(std::string_view text) const noexcept {
    std::size_t length = 0;
    while (length < text.size() && plain_[static_cast<unsigned char>(text[length])]) ++length;
    const bool cut = length != 0 && length < text.size() && static_cast<unsigned char>(text[length]) >= ascii_count;
    return length - (cut ? 1 : 0);
  }
  /// ASCII is plain, blanks excepted, when no symbol and no rule begins with it, or none whose next byte is ASCII.
  void find_plain_bytes() {
    for (std::size_t first = 0; first < ascii_count; ++first) {
      plain_[first] = first != ' ';
      for (std::size_t second = 0; second < ascii_count; ++second) {
        const std::array<char, 2> pair{static_cast<char>(first), static_cast<char>(second)};
        if (starts_key({pair.data(), pair.size()})) plain_[first] = false;
      }
    }
  }
  [[nodiscard]] bool starts_key(std::string_view text) const noexcept {
    return symbols_.may_start_with(text) || charsmap_.may_start_with(text);
  }

  charsmap charsmap_;
  prefix_matcher symbols_;
  bool remove_spaces_;
  bool space_as_suffix_;
  std::string_view space_;
  std::array<bool, 256> plain_{};
};

}  // namespace tulu::detail
