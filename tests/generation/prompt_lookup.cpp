#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/generation/prompt_lookup.hpp>

namespace prompt_lookup_test {

using ids = std::vector<tulu::token_id>;
using tulu::prompt_lookup;

ids guess_of(const prompt_lookup& lookup, std::size_t most) {
  ids out{99};
  lookup.guess(most, out);
  return out;
}

ids guess_after(const ids& sequence, std::size_t most) {
  prompt_lookup lookup{sequence.size()};
  for (const tulu::token_id token : sequence) lookup.push(token);
  return guess_of(lookup, most);
}

/// What prompt_lookup means, by looking at everything.
ids scan(const ids& sequence, std::size_t most) {
  const std::size_t size = sequence.size();
  const auto offset = [](std::size_t at) { return static_cast<std::ptrdiff_t>(at); };
  for (std::size_t n = std::min(size, prompt_lookup::longest); n >= prompt_lookup::shortest; --n)
    for (std::size_t at = size - 1; at >= n; --at) {
      if (!std::equal(sequence.end() - offset(n), sequence.end(), sequence.begin() + offset(at - n))) continue;
      ids extended = sequence;
      for (std::size_t i = 0; i < most; ++i) extended.push_back(ids{extended}[at + i]);
      return {extended.begin() + offset(size), extended.end()};
    }
  return {};
}

TEST_CASE("what followed the end of the sequence before is guessed") {
  CHECK(guess_after({1, 2, 3, 4, 5, 1, 2}, 3) == ids{3, 4, 5});
  CHECK(guess_after({1, 2, 3, 4, 5, 1, 2}, 1) == ids{3});
  CHECK(guess_after({1, 2, 3, 4, 5, 1, 2}, 0).empty());
}

TEST_CASE("one token is not enough, nor is what never was") {
  CHECK(guess_after({}, 3).empty());
  CHECK(guess_after({1}, 3).empty());
  CHECK(guess_after({1, 1}, 3).empty());
  CHECK(guess_after({1, 2, 3, 4, 3}, 3).empty());
}

TEST_CASE("a longer end counts more than a newer place, and among equals the newest counts") {
  CHECK(guess_after({1, 2, 3, 50, 9, 2, 3, 60, 1, 2, 3}, 1) == ids{50});
  CHECK(guess_after({2, 3, 50, 9, 2, 3, 60, 2, 3}, 1) == ids{60});
  CHECK(guess_after({0, 1, 2, 3, 50, 8, 1, 2, 3, 60, 0, 1, 2, 3}, 1) == ids{50});
}

TEST_CASE("a repetition that reaches the end goes on") {
  CHECK(guess_after({7, 7, 7}, 5) == ids{7, 7, 7, 7, 7});
  CHECK(guess_after({1, 2, 3, 1, 2, 3, 1, 2}, 7) == ids{3, 1, 2, 3, 1, 2, 3});
}

TEST_CASE("guesses are those of a scan of the whole sequence") {
  std::mt19937 random{5};
  std::size_t guessed = 0;
  for (const tulu::token_id alphabet : {2U, 3U, 8U, 40U}) {
    prompt_lookup lookup{4000};
    ids sequence;
    for (std::size_t i = 0; i < 400; ++i) {
      const auto token = static_cast<tulu::token_id>(random() % alphabet);
      sequence.push_back(token);
      lookup.push(token);
      const ids found = guess_of(lookup, 7);
      REQUIRE(found == scan(sequence, 7));
      guessed += found.empty() ? 0 : 1;
    }
  }
  CHECK(guessed > 1000);
}

TEST_CASE("a sequence that is longer than the table is for has fewer guesses, and none that is wrong") {
  std::mt19937 random{6};
  prompt_lookup lookup{4};
  ids sequence;
  std::size_t guessed = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    sequence.push_back(static_cast<tulu::token_id>(random() % 12));
    lookup.push(sequence.back());
    ids guess = guess_of(lookup, 1);
    if (guess.empty()) continue;
    ++guessed;
    const ids expected{sequence[i - 1], sequence[i], guess.front()};
    REQUIRE(std::search(sequence.begin(), sequence.end(), expected.begin(), expected.end()) != sequence.end());
  }
  CHECK(guessed > 10);
}

}  // namespace prompt_lookup_test
