#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/added_vocabulary.hpp>

namespace {

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

}  // namespace

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
  const auto word = [&](std::size_t longest) {
    std::string out;
    for (std::size_t n = 1 + random() % longest; n > 0; --n) out += "abc"[random() % 3];
    return out;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<added_token> tokens;
    for (token_id id = 0; id < 1 + random() % 12; ++id) tokens.push_back(plain(word(6), id));
    const std::string text = word(60);
    list expected;
    std::string between;
    for (std::size_t at = 0; at < text.size();) {
      const added_token* best = nullptr;
      for (const added_token& token : tokens)
        if (text.compare(at, token.content.size(), token.content) == 0 &&
            (best == nullptr || token.content.size() > best->content.size()))
          best = &token;
      if (best == nullptr) {
        between += text[at++];
        continue;
      }
      if (!between.empty()) expected.push_back(std::exchange(between, {}));
      expected.push_back("#" + std::to_string(best->id));
      at += best->content.size();
    }
    if (!between.empty()) expected.push_back(between);
    CHECK(parts(of(tokens), text) == expected);
  }
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
