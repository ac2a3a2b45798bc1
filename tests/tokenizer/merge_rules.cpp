#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/merge_rules.hpp>

using tulu::detail::merge_rules_of;
using tulu::detail::split_merge;
using tulu::test::message_of;

TEST_CASE("split_merge: two sides and one blank") {
  CHECK(split_merge("a bc")->first == "a");
  CHECK(split_merge("a bc")->second == "bc");
  for (const std::string_view text : {"", " ", "ab", " a", "a ", "a b c", "a  b"}) CHECK_FALSE(split_merge(text));
}

TEST_CASE("merge_rules_of: pieces by their texts, in the order of the list") {
  tulu::vocabulary pieces;
  for (const std::string_view text : {"a", "", "b", "ab", "Ġ", "Ġab"}) pieces.add(text, 0, tulu::piece_kind::normal);
  const auto rules = merge_rules_of(pieces, std::vector<std::string>{"a b", "Ġ ab"}, "f", "merges");
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].left == 0);
  CHECK(rules[0].right == 2);
  CHECK(rules[0].result == 3);
  CHECK(rules[1].result == 5);
  for (const std::string bad : {"b a", "a x", "x a", "ab", "a b a"}) {
    const std::vector<std::string_view> merges{"a b", bad};
    CHECK(message_of([&] { (void)merge_rules_of(pieces, merges, "f", "merges"); }) ==
          "f: merges[1]: expected two pieces that make a piece of the vocabulary, found " + bad);
  }
}
