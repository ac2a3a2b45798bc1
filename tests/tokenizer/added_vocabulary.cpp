#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/added_vocabulary.hpp>

namespace added_vocabulary_test {

using tulu::added_token;
using tulu::token_id;
using tulu::detail::added_vocabulary;

/// The parts of `text`, tokens as "#ID".
std::vector<std::string> parts(const added_vocabulary& tokens, std::string_view text) {
  std::vector<std::string> out;
  tokens.split(
      text, [&](std::string_view part) { out.emplace_back(part); },
      [&](token_id id) { out.push_back("#" + std::to_string(id)); });
  return out;
}

added_vocabulary of(const std::vector<added_token>& tokens) {
  return added_vocabulary{tokens};
}

added_token plain(std::string content, token_id id) {
  added_token token;
  token.content = std::move(content);
  token.id = id;
  return token;
}

using list = std::vector<std::string>;

/// A token by characters, so that the naive search knows nothing of UTF-8.
struct wide_token {
  std::u32string text;
  bool single_word, lstrip, rstrip;
};

std::string utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t code : text) tulu::append_utf8(out, code);
  return out;
}

std::u32string random_text(std::mt19937& random, std::size_t longest) {
  constexpr std::u32string_view alphabet = U"aab\u00E9_-  \t\u3000";
  std::u32string out;
  for (std::size_t n = 1 + random() % longest; n > 0; --n) out += alphabet[random() % alphabet.size()];
  return out;
}

bool is_blank(char32_t code) {
  return std::u32string_view{U" \t\u3000"}.find(code) != std::u32string_view::npos;
}
bool is_word(char32_t code) {
  return std::u32string_view{U"ab\u00E9_"}.find(code) != std::u32string_view::npos;
}

/// The token that `text` has at `at`: the longest, of equal ones the first.
std::size_t naive_token_at(const std::vector<wide_token>& tokens, std::u32string_view text, std::size_t at) {
  std::size_t best = tokens.size();
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (text.substr(at).starts_with(tokens[i].text) &&
        (best == tokens.size() || tokens[i].text.size() > tokens[best].text.size()))
      best = i;
  return best;
}

/// AddedVocabulary::find_matches of tokenizers 0.19.1, one character after the other.
list naive_parts(const std::vector<wide_token>& tokens, std::u32string_view text) {
  list out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t which = naive_token_at(tokens, text, at);
    if (which == tokens.size()) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + tokens[which].text.size();
    at = end;
    if (tokens[which].single_word &&
        ((begin > 0 && is_word(text[begin - 1])) || (end < text.size() && is_word(text[end]))))
      continue;
    while (tokens[which].lstrip && begin > 0 && is_blank(text[begin - 1])) --begin;
    while (tokens[which].rstrip && end < text.size() && is_blank(text[end])) ++end;
    begin = std::max(begin, done);
    if (done < begin) out.push_back(utf8(text.substr(done, begin - done)));
    out.push_back("#" + std::to_string(which));
    done = end;
  }
  if (done < text.size()) out.push_back(utf8(text.substr(done)));
  return out;
}

TEST_CASE("without tokens, a text is one part and an empty text none") {
  const added_vocabulary none;
  CHECK(none.empty());
  CHECK(parts(none, "a<s>b") == list{"a<s>b"});
  CHECK(parts(none, "").empty());
  CHECK_FALSE(none.occurs_in("a"));
  CHECK(of({plain("", 1)}).empty());
}

TEST_CASE("the token that starts first counts, then the longest") {
  const auto tokens =
      of({plain("ab", 1), plain("abcd", 2), plain("bc", 3), plain("b", 4), plain("abc", 5), plain("x", 6)});
  CHECK(parts(tokens, "abcd") == list{"#2"});
  CHECK(parts(tokens, "abce") == list{"#5", "e"});
  CHECK(parts(tokens, "abd") == list{"#1", "d"});
  CHECK(parts(tokens, "-bcd") == list{"-", "#3", "d"});
  CHECK(parts(tokens, "aab") == list{"a", "#1"});
  CHECK(parts(tokens, "xbx") == list{"#6", "#4", "#6"});
  CHECK(tokens.occurs_in("--x"));
  CHECK_FALSE(tokens.occurs_in("--a"));
}

TEST_CASE("of two tokens with one text the first counts") {
  CHECK(parts(added_vocabulary{std::vector<added_vocabulary::entry>{{"t", 7}, {"t", 8}}}, "t") == list{"#7"});
}

TEST_CASE("white space beside a token belongs to it when it says so") {
  auto left = plain("<l>", 1);
  left.lstrip = true;
  auto right = plain("<r>", 2);
  right.rstrip = true;
  const auto tokens = of({left, right});
  CHECK(parts(tokens, "a \t\u3000<l> b") == list{"a", "#1", " b"});
  CHECK(parts(tokens, "a <r> \n\u00A0b") == list{"a ", "#2", "b"});
  CHECK(parts(tokens, "<r>   <l>") == list{"#2", "#1"});
  CHECK(parts(tokens, " <l>") == list{"#1"});
  CHECK(parts(tokens, "<r> \x1C") == list{"#2", "\x1C"});  // white space for Python, not for Rust
  CHECK(parts(tokens, "\x85<l>") == list{"\x85", "#1"});   // no UTF-8
}

TEST_CASE("a token of white space within stripped white space still counts") {
  auto right = plain("<r>", 1);
  right.rstrip = true;
  CHECK(parts(of({right, plain("\t", 2)}), "<r> \t b") == list{"#1", "#2", " b"});
}

TEST_CASE("a single word stands between characters that belong to no word") {
  auto word = plain("tok", 1);
  word.single_word = true;
  const auto tokens = of({word, plain("!", 2)});
  CHECK(parts(tokens, "tok tok.tok") == list{"#1", " ", "#1", ".", "#1"});
  CHECK(parts(tokens, "tok_ atok tok1!") == list{"tok_ atok tok1", "#2"});
  CHECK(parts(tokens, "étok tokж tok\u0301") == list{"étok tokж tok\u0301"});
  CHECK(parts(tokens, "\xFFtok\xC3") == list{"\xFF", "#1", "\xC3"});
}

TEST_CASE("random tokens in random texts are found like by trying them all at each place") {
  std::mt19937 random{3};
  std::size_t found = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<wide_token> wide;
    std::vector<added_token> tokens;
    const std::size_t count = 1 + random() % 8;
    while (tokens.size() < count) {
      const std::size_t options = random() % 8;
      wide.push_back({random_text(random, 5), (options & 1) != 0, (options & 2) != 0, (options & 4) != 0});
      added_token token = plain(utf8(wide.back().text), static_cast<token_id>(tokens.size()));
      token.single_word = wide.back().single_word;
      token.lstrip = wide.back().lstrip;
      token.rstrip = wide.back().rstrip;
      tokens.push_back(token);
    }
    const std::u32string text = random_text(random, 40);
    const list expected = naive_parts(wide, text);
    CAPTURE(utf8(text));
    CHECK(parts(of(tokens), utf8(text)) == expected);
    found += expected.size();
  }
  CHECK(found > 5000);
}

TEST_CASE("megabytes of white space beside tokens that strip it are walked once") {
  auto both = plain(" ", 1);
  both.lstrip = both.rstrip = true;
  auto tab = plain("\t", 2);
  tab.lstrip = true;
  const std::string text(2'000'000, ' ');
  std::size_t count = 0;
  of({both, tab})
      .split(
          text + "\t", [](std::string_view) {}, [&](token_id) { ++count; });
  CHECK(count == text.size() + 1);  // a quadratic walk would take hours
}

}  // namespace added_vocabulary_test
