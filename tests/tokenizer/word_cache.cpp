#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/word_cache.hpp>

using tulu::token_id;
using short_cache = tulu::detail::word_cache<2, 8>;
using long_cache = tulu::detail::word_cache<4, 8>;

TEST_CASE_TEMPLATE("word_cache: what it finds is what was last put in, and recent words are found", Cache, short_cache,
                   long_cache) {
  std::mt19937 random{20244};
  Cache cache;
  cache.clear();
  std::unordered_map<std::string, std::vector<token_id>> model;
  std::size_t found = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string word;
    for (std::size_t length = 1 + random() % Cache::longest_word; length > 0; --length)
      word += static_cast<char>(random() % 2);
    const auto key = Cache::key_of(word, word.size());
    if (const auto* known = cache.find(key)) {
      ++found;
      REQUIRE(model.count(word) != 0);
      CHECK(std::vector<token_id>(known->ids.begin(), known->ids.begin() + static_cast<long>(known->count())) ==
            model[word]);
      continue;
    }
    std::vector<token_id> ids(1 + random() % Cache::most_ids);
    for (token_id& id : ids) id = static_cast<token_id>(random());
    model[word] = ids;
    cache.insert(key, ids);
    const auto* known = cache.find(key);
    REQUIRE(known != nullptr);
    CHECK(known->count() == ids.size());
    CHECK(std::equal(ids.begin(), ids.end(), known->ids.begin()));
  }
  CHECK(found > 1000);
  cache.clear();
  CHECK(cache.find(Cache::key_of("a", 1)) == nullptr);
}

TEST_CASE("word_cache: the key of a word does not depend on what stands after it, and tells trailing NULs apart") {
  const std::string text = "hello, world, and many more";
  for (std::size_t length = 1; length <= short_cache::longest_word; ++length)
    CHECK(short_cache::key_of(text.substr(0, length), length) ==
          short_cache::key_of({text.data(), length}, text.size()));
  const std::string nul("a\0", 2);
  CHECK(short_cache::key_of(nul, 2) != short_cache::key_of("a", 1));
}
