#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/character_classes.hpp>

using tulu::detail::is_white_space;
using tulu::detail::is_word_character;

TEST_CASE("word characters are letters, marks, digits, connectors and joiners") {
  for (const char32_t code : U"azAZ09_éжΩ日한ªµ٣\u0301\u200D\u203F\U00010400")
    if (code != 0) CHECK(is_word_character(code));
  for (const char32_t code : U" -.<>@[`{\u00A0\u00B2\u00D7\u2028▁、\uFFFD\U0001F642")
    if (code != 0) CHECK_FALSE(is_word_character(code));
  CHECK_FALSE(is_word_character(0));
  CHECK_FALSE(is_word_character(0x10FFFF));
}

TEST_CASE("the ranges of word characters are in order and apart") {
  const auto& ranges = tulu::detail::word_characters;
  CHECK(std::all_of(ranges.begin(), ranges.end(), [](const auto& range) { return range.first <= range.last; }));
  CHECK(std::adjacent_find(ranges.begin(), ranges.end(),
                           [](const auto& a, const auto& b) { return a.last + 1 >= b.first; }) == ranges.end());
}

TEST_CASE("there are as many word characters as tokenizers 0.19.1 counts") {
  int count = 0;
  for (char32_t code = 0; code <= 0x10FFFF; ++code) count += is_word_character(code);
  CHECK(count == 139612);
}

TEST_CASE("white space is that of Unicode") {
  const std::vector<char32_t> expected{9,    10,   11,   12,   13,   32,   133,  160,  5760, 8192, 8193, 8194, 8195,
                                       8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288};
  std::vector<char32_t> found;
  for (char32_t code = 0; code <= 0x10FFFF; ++code)
    if (is_white_space(code)) found.push_back(code);
  CHECK(found == expected);
}
