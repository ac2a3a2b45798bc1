#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/byte_trie.hpp>

using tulu::detail::byte_trie;

namespace byte_trie_test {

std::uint32_t find(const byte_trie& trie, std::string_view text) {
  byte_trie::node at = byte_trie::root;
  for (const char byte : text)
    if ((at = trie.step(at, byte)) == byte_trie::none) return byte_trie::none;
  return trie.value(at);
}

TEST_CASE("byte_trie: finds its keys, and nothing else") {
  std::mt19937 random{1};
  std::map<std::string, std::uint32_t> keys;
  while (keys.size() < 5000) {
    std::string key(1 + random() % 6, '\0');
    for (char& c : key) c = static_cast<char>(random() % (keys.size() % 3 == 0 ? 255 : 5) + 1);
    keys.emplace(key, static_cast<std::uint32_t>(keys.size()));
  }
  std::vector<byte_trie::key> list;
  for (const auto& [text, value] : keys) list.push_back({text, value});
  std::shuffle(list.begin(), list.end(), random);
  const byte_trie trie{list};
  CHECK_FALSE(trie.empty());
  for (const auto& [text, value] : keys) CHECK(find(trie, text) == value);
  for (int i = 0; i < 20000; ++i) {
    std::string text(1 + random() % 5, '\0');
    for (char& c : text) c = static_cast<char>(random() % (i % 2 == 0 ? 256 : 6));
    const auto known = keys.find(text);
    CHECK(find(trie, text) == (known == keys.end() ? byte_trie::none : known->second));
  }
}

TEST_CASE("byte_trie: nothing is in an empty one") {
  const byte_trie trie;
  CHECK(trie.empty());
  for (int byte = 0; byte < 256; ++byte) CHECK(trie.step(byte_trie::root, static_cast<char>(byte)) == byte_trie::none);
}

TEST_CASE("byte_trie: keys end at a NUL, the first of equal ones counts, empty ones do not") {
  const byte_trie trie{{{{"a\0c", 3}, 1}, {{"a\0b", 3}, 2}, {{"b", 1}, 3}, {{"b\0", 2}, 4}, {{"\0x", 2}, 5}, {"", 6}}};
  CHECK(find(trie, "a") == 2);
  CHECK(find(trie, "b") == 3);
  CHECK(find(trie, "") == byte_trie::none);
  CHECK(find(trie, {"a\0b", 3}) == byte_trie::none);
  CHECK(find(trie, {"\0", 1}) == byte_trie::none);
}

TEST_CASE("byte_trie: a key may be there without a value") {
  const byte_trie trie{{{"ab", byte_trie::none}, {"abc", 7}}};
  CHECK(find(trie, "ab") == byte_trie::none);
  CHECK(find(trie, "abc") == 7);
}

TEST_CASE("byte_trie: compact, for one long key too") {
  const std::string text(100000, 'x');
  const byte_trie trie{{{text, 1}}};
  CHECK(find(trie, text) == 1);
  CHECK(trie.units() < 2 * text.size());
}

}  // namespace byte_trie_test
