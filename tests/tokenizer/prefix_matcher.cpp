#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/prefix_matcher.hpp>

using tulu::piece_kind;
using tulu::detail::prefix_matcher;

TEST_CASE("prefix_matcher: the longest symbol at the start") {
  const prefix_matcher matcher{std::vector<std::string_view>{"ab", "abcd", "b", "\xE7\x9A\x84"}};
  CHECK_FALSE(matcher.empty());
  CHECK(matcher.longest("abcde") == 4);
  CHECK(matcher.longest("abcx") == 2);
  CHECK(matcher.longest("abc") == 2);
  CHECK(matcher.longest("a") == 0);
  CHECK(matcher.longest("xab") == 0);
  CHECK(matcher.longest("") == 0);
  CHECK(matcher.longest("\xE7\x9A\x84\xE7") == 3);
  CHECK(matcher.longest("\xE7\x9A") == 0);
}

TEST_CASE("prefix_matcher: where no symbol is, one character by its lead byte") {
  const prefix_matcher none;
  CHECK(none.empty());
  const auto length = [&none](std::string_view text) {
    const auto match = none.at_start_of(text);
    CHECK_FALSE(match.found);
    return match.length;
  };
  CHECK(length("ab") == 1);
  CHECK(length("\xBFz") == 1);
  CHECK(length("\xC0zz") == 2);
  CHECK(length("\xE2zzz") == 3);
  CHECK(length("\xFFzzzz") == 4);
  CHECK(length("\xF0z") == 2);
  const auto found = prefix_matcher{std::vector<std::string_view>{"ab"}}.at_start_of("abc");
  CHECK(found.found);
  CHECK(found.length == 2);
}

TEST_CASE("prefix_matcher: only the user-defined pieces of a vocabulary") {
  tulu::vocabulary pieces;
  pieces.add("a", 0, piece_kind::normal);
  pieces.add("b", 0, piece_kind::user_defined);
  pieces.add("c", 0, piece_kind::control);
  const prefix_matcher matcher{pieces};
  CHECK(matcher.longest("a") == 0);
  CHECK(matcher.longest("b") == 1);
  CHECK(matcher.longest("c") == 0);
}

TEST_CASE("prefix_matcher: a symbol ends before a NUL, and NULs of the text match nothing") {
  const prefix_matcher matcher{std::vector<std::string_view>{{"ab\0c", 4}, {"\0", 1}}};
  CHECK(matcher.longest(std::string_view{"ab\0c", 4}) == 2);
  CHECK(matcher.longest(std::string_view{"\0", 1}) == 0);
  CHECK(matcher.longest("abx") == 2);
}

TEST_CASE("prefix_matcher: of symbols that are prefixes of each other, the 64 shortest count") {
  const std::string text(70, 'a');
  std::vector<std::string_view> symbols;
  for (std::size_t i = 1; i <= text.size(); ++i) symbols.push_back(std::string_view{text}.substr(0, i));
  CHECK(prefix_matcher{symbols}.longest(text) == 64);
  symbols.resize(63);
  CHECK(prefix_matcher{symbols}.longest(text) == 63);
}

TEST_CASE("prefix_matcher: what a text may start with") {
  const prefix_matcher matcher{std::vector<std::string_view>{"ab", "cde"}};
  CHECK(matcher.may_start_with("abx"));
  CHECK(matcher.may_start_with("a"));
  CHECK(matcher.may_start_with("cd"));
  CHECK_FALSE(matcher.may_start_with("ac"));
  CHECK_FALSE(matcher.may_start_with("x"));
}
