#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/io/json.hpp>
#include <tulu/tokenizer/token_trie.hpp>

namespace token_trie_test {

using tulu::detail::token_trie;
using strings = std::vector<std::string>;

strings split(const token_trie& trie, std::string_view text, bool expect_found) {
  std::vector<std::string_view> parts{"left over"};
  std::vector<tulu::detail::trie_state> states(3);
  CHECK(trie.split(text, parts, states) == expect_found);
  return {parts.begin(), parts.end()};
}

token_trie of(std::initializer_list<std::string_view> words) {
  token_trie trie;
  for (const std::string_view word : words) trie.add(word);
  return trie;
}

TEST_CASE("a text is split as Trie.split of transformers does, its slips included") {
  const auto goldens = tulu::io::load_json(std::filesystem::path{TULU_TEST_DATA} / "tokenizer/slow/trie.json");
  REQUIRE(goldens["cases"].size() > 400);
  for (const tulu::io::json& item : goldens["cases"]) {
    CAPTURE(item.dump());
    token_trie trie;
    for (const auto& word : item[0].get<strings>()) trie.add(word);
    const auto text = item[1].get<std::string>();
    std::vector<std::string_view> parts;
    std::vector<tulu::detail::trie_state> states;
    trie.split(text, parts, states);
    CHECK(strings{parts.begin(), parts.end()} == item[2].get<strings>());
  }
}

TEST_CASE("split tells whether a token was found, also when it is all of the text") {
  const token_trie trie = of({"<s>", "</s>"});
  CHECK(split(trie, "</s>", true) == strings{"</s>"});
  CHECK(split(trie, "a</s>b<s>", true) == strings{"a", "</s>", "b", "<s>"});
  CHECK(split(trie, "<</s", false) == strings{"<</s"});
  CHECK(split(trie, "", false).empty());
  // Not a token, but cut out all the same: see the class.
  CHECK(split(of({"abcd", "b"}), "abxcd", true) == strings{"abxcd"});
}

TEST_CASE("without words, and with an empty one, a text stays whole") {
  CHECK(split(of({}), "abc", false) == strings{"abc"});
  CHECK(split(of({""}), "abc", false) == strings{"abc"});
}

TEST_CASE("bytes that are not UTF-8 match nothing and lose nothing") {
  const token_trie trie = of({"\xE5\x8F\x8B", "<s>"});
  CHECK(split(trie, "\xE5\x8F<s>\x8B\xFF", true) == strings{"\xE5\x8F", "<s>", "\x8B\xFF"});
  CHECK(split(trie, "\xE5\xE5\x8F\x8B\x8B", true) == strings{"\xE5", "\xE5\x8F\x8B", "\x8B"});
  CHECK(split(trie, "\xF0\xE5\x8F\x8B", true) == strings{"\xF0", "\xE5\x8F\x8B"});
}

}  // namespace token_trie_test
