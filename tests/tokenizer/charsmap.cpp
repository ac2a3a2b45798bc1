#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/charsmap.hpp>

using tulu::detail::charsmap;

namespace charsmap_test {

constexpr std::uint32_t leaf = 1U << 8;

std::uint32_t unit(std::uint32_t offset, unsigned char label) {
  return offset << 10 | label;
}
std::uint32_t value_unit(std::uint32_t value) {
  return 1U << 31 | value;
}

std::string blob_of(const std::vector<std::uint32_t>& units, std::string_view replacements) {
  std::string out;
  const auto put = [&out](std::size_t number) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(number >> (8 * i) & 0xFF);
  };
  put(units.size() * 4);
  for (const std::uint32_t each : units) put(each);
  return out.append(replacements);
}

/// The root's child by 'a' is 96, with its value at 104; its child by 'b' is 10, with its value at 15.
std::vector<std::uint32_t> small_trie() {
  std::vector<std::uint32_t> units(256);
  units[0] = unit(1, 0);
  units[96] = unit(0x60 ^ 0x68, 'a') | leaf;
  units[104] = value_unit(0);
  units[104 ^ 'b'] = unit(0xA ^ 0xF, 'b') | leaf;
  units[15] = value_unit(3);
  return units;
}

TEST_CASE("charsmap: the longest rule at the start, its replacement up to a NUL") {
  const charsmap map{blob_of(small_trie(), {"XY\0Z", 4}), "m"};
  CHECK_FALSE(map.empty());
  CHECK(map.find("ac").length == 1);
  CHECK(map.find("ac").replacement == "XY");
  CHECK(map.find("abc").length == 2);
  CHECK(map.find("abc").replacement == "Z");
  CHECK(map.find("b").length == 0);
  CHECK(map.find("").length == 0);
  CHECK(map.may_start_with("ab"));
  CHECK(map.may_start_with("az"));
  CHECK_FALSE(map.may_start_with("ba"));
}

TEST_CASE("charsmap: none is empty") {
  const charsmap map{"", "m"};
  CHECK(map.empty());
  CHECK(map.find("a").length == 0);
  CHECK_FALSE(map.may_start_with("a"));
}

TEST_CASE("charsmap: a circle in the trie ends") {
  std::vector<std::uint32_t> units(256);
  units[0] = unit(1, 0);
  units[96] = unit('a', 'a');
  const std::string text(1 << 20, 'a');
  CHECK(charsmap{blob_of(units, "x"), "m"}.find(text).length == 0);
  units[96] |= leaf;
  units[1] = value_unit(0);
  CHECK(charsmap{blob_of(units, "x"), "m"}.find(text).length == 32);
}

TEST_CASE("charsmap: links and values out of bounds are not followed") {
  auto units = small_trie();
  units[104] = value_unit(1000000);
  CHECK(charsmap{blob_of(units, "x"), "m"}.find("a").length == 1);
  CHECK(charsmap{blob_of(units, "x"), "m"}.find("a").replacement.empty());
  units[96] = unit(1 << 20, 'a') | leaf;
  CHECK(charsmap{blob_of(units, "x"), "m"}.find("ab").length == 0);
  units[0] = unit(1 << 21, 0) | 1U << 9;
  CHECK(charsmap{blob_of(units, "x"), "m"}.find("ab").length == 0);
}

TEST_CASE("charsmap: random tries are walked within their bounds") {
  std::mt19937 random{2};
  std::size_t found = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> units(1 + random() % 300);
    for (std::uint32_t& each : units)
      each = unit(static_cast<std::uint32_t>(random() % 300), static_cast<unsigned char>(random() % 3)) |
             static_cast<std::uint32_t>(random() % 2) << 8 | static_cast<std::uint32_t>(random() % 20 == 0) << 31;
    const charsmap map{blob_of(units, {"a\0bc", 4}), "m"};
    for (int i = 0; i < 100; ++i) {
      std::string text(random() % 40, '\0');
      for (char& c : text) c = static_cast<char>(random() % 3);
      const auto rule = map.find(text);
      CHECK(rule.length <= text.size());
      found += rule.length != 0 ? 1 : 0;
    }
  }
  CHECK(found > 100);
}

TEST_CASE("charsmap: a size that does not fit is refused with the name of the file") {
  const auto message = [](std::string_view blob) {
    return tulu::test::message_of([&] { static_cast<void>(charsmap{blob, "f.model"}); });
  };
  CHECK(message("abc") == "f.model: precompiled_charsmap: expected a trie size below 3, found only 3 bytes");
  CHECK(message({"\5\0\0\0abcd", 8}) == "f.model: precompiled_charsmap: expected a trie size below 8, found 5");
  CHECK(message({"\xFF\xFF\xFF\xFF"
                 "abcd",
                 8}) != "");
  CHECK(message({"\4\0\0\0abcd", 8}) == "");
}

}  // namespace charsmap_test
