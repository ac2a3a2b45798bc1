#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <tulu/tokenizer/split_classes.hpp>
#include <tulu/tokenizer/split_pattern.hpp>

namespace tulu::detail {

/// Cuts text into words as the regular expression of a split_pattern does: each word is what its first alternative that
/// matches takes.
class word_splitter {
 public:
  explicit word_splitter(split_pattern pattern)
      : pattern_{pattern},
        classes_{pattern == split_pattern::smollm ? &split_classes::with_all_digits() : &split_classes::of_patterns()} {
    for (char32_t code = 0; code < ascii_.size(); ++code) ascii_[code] = (*classes_)[code];
  }

  /// Calls visit(word) for the words of `text`, which is UTF-8. They tile it, and none is empty.
  template <class Visit>
  void split(std::string_view text, Visit&& visit) const {
    switch (pattern_) {
      case split_pattern::none:
        if (!text.empty()) visit(text);
        return;
      case split_pattern::gpt2:
        return for_each_word(text, visit, [this](const char* at, const char* end) { return gpt2_word(at, end); });
      case split_pattern::llama3:
        return for_each_word(text, visit, [this](const char* at, const char* end) { return gpt4_word(at, end, 3); });
      case split_pattern::qwen2:
        return for_each_word(text, visit, [this](const char* at, const char* end) { return gpt4_word(at, end, 1); });
      case split_pattern::smollm:
        return for_each_word(text, visit, [this](const char* at, const char* end) { return smollm_word(at, end); });
    }
  }

 private:
  struct character {
    split_class kind;
    std::size_t length;
  };

  template <class Visit, class Next>
  static void for_each_word(std::string_view text, Visit& visit, Next next) {
    const char* at = text.data();
    for (const char* const end = at + text.size(); at != end;) {
      const char* const after = next(at, end);
      visit(std::string_view{at, static_cast<std::size_t>(after - at)});
      at = after;
    }
  }

  /// The character at `at`, which begins one.
  [[nodiscard]] character read(const char* at) const noexcept {
    const auto byte = [at](std::size_t i) { return char32_t{static_cast<unsigned char>(at[i])}; };
    const char32_t lead = byte(0);
    if (lead < 0x80) return {ascii_[lead], 1};
    const auto trail = [&](std::size_t i) { return byte(i) & 0x3F; };
    if (lead < 0xE0) return {(*classes_)[(lead & 0x1F) << 6 | trail(1)], 2};
    if (lead < 0xF0) return {(*classes_)[(lead & 0x0F) << 12 | trail(1) << 6 | trail(2)], 3};
    return {(*classes_)[(lead & 0x07) << 18 | trail(1) << 12 | trail(2) << 6 | trail(3)], 4};
  }
  [[nodiscard]] bool is(split_class kind, const char* at, const char* end) const noexcept {
    return at != end && read(at).kind == kind;
  }
  /// The end of the characters of one class from `at` on.
  [[nodiscard]] const char* skip(split_class kind, const char* at, const char* end) const noexcept {
    while (at != end) {
      const character next = read(at);
      if (next.kind != kind) break;
      at += next.length;
    }
    return at;
  }
  [[nodiscard]] static bool is_line_end(char c) noexcept { return c == '\r' || c == '\n'; }

  /// `\s+(?!\S)|\s+`: white space but for its last character, when text follows; it may be cut at `stop`, too.
  [[nodiscard]] const char* space_word(const char* at, const char* end, split_class stop) const noexcept {
    const char* last = at;
    const char* next = at;
    while (next != end) {
      const character here = read(next);
      if (here.kind != split_class::space) {
        return last == at || here.kind == stop ? next : last;
      }
      last = next;
      next += here.length;
    }
    return end;
  }

  /// The length of `'s|'t|'re|'ve|'m|'ll|'d` at `at`, an apostrophe; 0 when none of them is there.
  [[nodiscard]] static std::size_t contraction(const char* at, const char* end) noexcept {
    const char first = at + 1 < end ? at[1] : '\0';
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    const char second = at + 2 < end ? at[2] : '\0';
    return (second == 'e' && (first == 'r' || first == 'v')) || (second == 'l' && first == 'l') ? 3 : 0;
  }
  /// The same whatever the case; Unicode folds U+017F, the long s, to s.
  [[nodiscard]] static std::size_t any_contraction(const char* at, const char* end) noexcept {
    if (std::string_view{at, static_cast<std::size_t>(end - at)}.starts_with("'\xC5\xBF")) return 3;
    std::array<char, 3> lower{};
    std::size_t size = 0;
    for (; size < lower.size() && at + size < end; ++size)
      lower[size] = at[size] >= 'A' && at[size] <= 'Z' ? static_cast<char>(at[size] | 0x20) : at[size];
    return contraction(lower.data(), lower.data() + size);
  }

  [[nodiscard]] const char* gpt2_word(const char* at, const char* end) const noexcept {
    if (*at == '\'')
      if (const std::size_t length = contraction(at, end); length != 0) return at + length;
    const char* const start = at + (*at == ' ' && end - at > 1 ? 1 : 0);
    const character first = read(start);
    if (first.kind == split_class::space) return space_word(at, end, split_class::space);
    return skip(first.kind, start + first.length, end);
  }

  /// A number is a word by itself, and ends the text before it.
  [[nodiscard]] const char* smollm_word(const char* at, const char* end) const noexcept {
    if (*at == '\'')
      if (const std::size_t length = contraction(at, end); length != 0) return at + length;
    const char* const start = at + (*at == ' ' && end - at > 1 ? 1 : 0);
    const character first = read(start);
    if (first.kind == split_class::space) return space_word(at, end, split_class::number);
    if (first.kind == split_class::number) return start == at ? at + first.length : start;
    return skip(first.kind, start + first.length, end);
  }

  [[nodiscard]] const char* gpt4_word(const char* at, const char* end, std::size_t most_digits) const noexcept {
    if (*at == '\'')
      if (const std::size_t length = any_contraction(at, end); length != 0) return at + length;
    const character first = read(at);
    const char* const second = at + first.length;
    if (first.kind == split_class::letter) return skip(split_class::letter, second, end);
    if (first.kind == split_class::number) {
      const char* after = second;
      for (std::size_t i = 1; i < most_digits && is(split_class::number, after, end); ++i) after += read(after).length;
      return after;
    }
    if (second != end && !is_line_end(*at)) {
      const character next = read(second);
      if (next.kind == split_class::letter) return skip(split_class::letter, second + next.length, end);
      if (first.kind == split_class::space && *at == ' ' && next.kind == split_class::other)
        return marks_word(second, end);
    }
    if (first.kind == split_class::other) return marks_word(at, end);
    return lines_word(at, end);
  }
  /// `[^\s\p{L}\p{N}]+[\r\n]*`
  [[nodiscard]] const char* marks_word(const char* at, const char* end) const noexcept {
    at = skip(split_class::other, at, end);
    while (at != end && is_line_end(*at)) ++at;
    return at;
  }
  /// `\s*[\r\n]+|\s+(?!\S)|\s+`, of which the first takes everything up to the last line end.
  [[nodiscard]] const char* lines_word(const char* at, const char* end) const noexcept {
    const char* after_line = nullptr;
    const char* last = at;
    const char* next = at;
    while (next != end) {
      const character here = read(next);
      if (here.kind != split_class::space) break;
      last = next;
      next += here.length;
      if (is_line_end(*last)) after_line = next;
    }
    if (after_line != nullptr) return after_line;
    return next == end || last == at ? next : last;
  }

  split_pattern pattern_;
  const split_classes* classes_;
  std::array<split_class, 128> ascii_{};
};

}  // namespace tulu::detail
