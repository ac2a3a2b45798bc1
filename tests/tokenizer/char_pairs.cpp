#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <tulu/tokenizer/char_pairs.hpp>

using tulu::detail::char_pairs;

TEST_CASE("char_pairs: the neighbours within pieces join, other ASCII pairs do not") {
  std::mt19937 random{20242};
  char_pairs tested;
  std::set<std::pair<char32_t, char32_t>> joined;
  for (int i = 0; i < 300; ++i) {
    std::string piece;
    char32_t before = 0;
    for (std::size_t k = 0, length = random() % 5; k < length; ++k) {
      const auto code = static_cast<char32_t>(random() % 2 == 0 ? random() % 128 : 0x400 + random() % 0x5000);
      tulu::append_utf8(piece, code);
      if (k > 0) joined.emplace(before, code);
      before = code;
    }
    tested.add_all(piece);
  }
  for (const auto& [left, right] : joined) CHECK(tested.may_join(left, right));
  std::size_t wrong = 0;
  for (char32_t left = 0; left < 128; ++left)
    for (char32_t right = 0; right < 128; ++right)
      if (tested.may_join(left, right) != (joined.count({left, right}) != 0)) ++wrong;
  CHECK(wrong == 0);
  CHECK_FALSE(tested.may_join(0x3042, 0x3044));
  tested.join_everything();
  CHECK(tested.may_join(0, 0));
  CHECK(tested.may_join(0x3042, 0x3044));
}

TEST_CASE("char_pairs: the cuts of eight characters are those of their pairs") {
  std::mt19937 random{20243};
  char_pairs tested;
  for (int i = 0; i < 4000; ++i)
    tested.add_all(std::string{static_cast<char>(random() % 128), static_cast<char>(random() % 128)});
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    for (int i = 0; i < 9; ++i) text += static_cast<char>(random() % 128);
    const std::uint64_t cuts = tested.cuts(text.data() + 1, static_cast<unsigned char>(text[0]));
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < 8; ++i)
      if (!tested.may_join(static_cast<unsigned char>(text[i]), static_cast<unsigned char>(text[i + 1])))
        expected |= std::uint64_t{1} << i;
    CHECK(cuts == expected);
  }
}
