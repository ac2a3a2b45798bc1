#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/generation/stop.hpp>

namespace stop_test {

struct outcome {
  std::vector<std::string> parts;
  std::string text{};
  std::string by{};
};

outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  tulu::stop_matcher matcher{stops};
  outcome result;
  for (const std::string& piece : pieces) {
    std::string out;
    matcher.push(piece, out);
    result.parts.push_back(out);
    result.text += out;
  }
  std::string rest;
  matcher.finish(rest);
  result.parts.push_back(rest);
  result.text += rest;
  result.by = matcher.stopped_by();
  return result;
}

/// The definition: the text before the first place where a stop string stands, the shortest of those that stand there.
outcome cut(const std::vector<std::string>& stops, const std::string& text) {
  std::size_t first = text.size();
  std::string by;
  for (const std::string& stop : stops) {
    const std::size_t at = text.find(stop);
    if (at == std::string::npos || at > first || (at == first && !by.empty() && by.size() <= stop.size())) continue;
    first = at;
    by = stop;
  }
  return {{}, text.substr(0, first), by};
}

using parts = std::vector<std::string>;

TEST_CASE("without stop strings all text passes at once") {
  CHECK(run({}, {"a", "", "bc"}).parts == parts{"a", "", "bc", ""});
  CHECK(run({}, {"a"}).by.empty());
}

TEST_CASE("a stop string across pieces is not given out, nor what follows it") {
  const outcome result = run({"User:"}, {"Hi", ".\nU", "se", "r: what", "more"});
  CHECK(result.parts == parts{"Hi", ".\n", "", "", "", ""});
  CHECK(result.by == "User:");
  CHECK(run({"END"}, {"a END b", "c"}).parts == parts{"a ", "", ""});
}

TEST_CASE("what could have been a stop string comes as soon as it cannot be one any more") {
  CHECK(run({"User:"}, {"U", "s", "ual", " U"}).parts == parts{"", "", "Usual", " ", "U"});
  CHECK(run({"aab"}, {"aa", "a", "c"}).parts == parts{"", "a", "aac", ""});
}

TEST_CASE("of several stop strings the first place counts, even when another is whole before") {
  outcome result = run({"abcd", "bc"}, {"xabc", "d"});
  CHECK(result.text == "x");
  CHECK(result.by == "abcd");
  result = run({"abcd", "bc"}, {"xabc", "e", "bc"});
  CHECK(result.parts == parts{"x", "a", "", ""});
  CHECK(result.by == "bc");
}

TEST_CASE("of several stop strings at one place the shortest counts") {
  CHECK(run({"abc", "ab"}, {"xabc"}).by == "ab");
  CHECK(run({"ab", "abc"}, {"xabc"}).text == "x");
}

TEST_CASE("a whole stop string that waits for an earlier one counts when the text ends") {
  const outcome result = run({"abcd", "bc"}, {"xabc"});
  CHECK(result.parts == parts{"x", "a"});
  CHECK(result.by == "bc");
}

TEST_CASE("the end gives out what waited for a stop string that never came") {
  CHECK(run({"User:"}, {"Hi Us"}).parts == parts{"Hi ", "Us"});
}

TEST_CASE("stop strings that are empty or not UTF-8 are refused") {
  const auto message = [](std::vector<std::string> stops) {
    return tulu::test::message_of([&] { tulu::stop_matcher{stops}; });
  };
  CHECK(message({"a", ""}) == "stop string: expected at least one character, found an empty text");
  CHECK(message({"\xff"}).find("UTF-8") != std::string::npos);
}

TEST_CASE("any division of random texts gives what cutting the whole text gives") {
  constexpr unsigned seed = 11;
  MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  const auto number = [&](int most) { return std::uniform_int_distribution<int>{0, most}(random); };
  const auto letters = [&](int least, int more) {
    std::string text;
    for (int left = least + number(more); left > 0; --left) text += static_cast<char>('a' + number(1));
    return text;
  };
  int stopped = 0;
  for (int round = 0; round < 4000; ++round) {
    parts stops, pieces;
    for (int left = number(3); left > 0; --left) stops.push_back(letters(1, 6));
    std::string text;
    for (int left = number(8); left > 0; --left) text += pieces.emplace_back(letters(0, 4));
    const outcome expected = cut(stops, text);
    const outcome found = run(stops, pieces);
    CAPTURE(text);
    REQUIRE(found.text == expected.text);
    REQUIRE(found.by == expected.by);
    stopped += expected.by.empty() ? 0 : 1;
  }
  CHECK(stopped > 500);
}

TEST_CASE("text that is nearly a stop string again and again takes linear time") {
  constexpr std::size_t length = 500'000;
  const std::string stop = std::string(length, 'a') + "b";
  tulu::stop_matcher matcher{std::vector<std::string>{stop, stop + "c"}};
  std::string out;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < 2 * length; ++i) matcher.push("a", out);
  CHECK(out.size() == length);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{5});
}

}  // namespace stop_test
