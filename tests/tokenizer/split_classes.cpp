#include <array>
#include <cstddef>

#include <doctest/doctest.h>

#include <tulu/tokenizer/split_classes.hpp>

using tulu::detail::split_class;
using tulu::detail::split_classes;

TEST_CASE("split_classes: some characters of each kind") {
  const split_classes& classes = split_classes::of_patterns();
  for (const char32_t code : U"azAZäßжאあ中한ªµʰǅ\U00020000\U0001D400\U0001E921")
    if (code != 0) CHECK(classes[code] == split_class::letter);
  for (const char32_t code : U"09²½٣Ⅻ①〇\U0001D7D9\U00010107")
    if (code != 0) CHECK(classes[code] == split_class::number);
  for (const char32_t code : U"\t\n\v\f\r \u0085\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000")
    if (code != 0) CHECK(classes[code] == split_class::space);
  for (const char32_t code : U"\x01!'_\x7F\u0301\u200B\u200D\uFEFF\uFFFD\U0001F642\U00011F50\U0010FFFF")
    if (code != 0) CHECK(classes[code] == split_class::other);
  CHECK(classes[0] == split_class::other);
}

TEST_CASE("split_classes: as many code points as tokenizers counts") {
  const auto count = [](const split_classes& classes) {
    std::array<std::size_t, 4> counts{};
    for (char32_t code = 0; code < 0x110000; ++code) ++counts[static_cast<std::size_t>(classes[code])];
    return counts;
  };
  const auto counts = count(split_classes::of_patterns());
  CHECK(counts[1] == 131756);
  CHECK(counts[2] == 1791);
  CHECK(counts[3] == 25);
  const auto more = count(split_classes::with_all_digits());
  CHECK(more[1] == 131756);
  CHECK(more[2] == 1831);
  CHECK(split_classes::with_all_digits()[0x11F50] == split_class::number);
}
