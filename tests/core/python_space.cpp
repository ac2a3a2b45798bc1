#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/core/python_space.hpp>
#include <tulu/core/utf8.hpp>

using namespace std::string_view_literals;
using tulu::detail::strip_left;
using tulu::detail::strip_right;

TEST_CASE("whitespace is what Python 3.11 takes for it") {
  // [c for c in range(0x110000) if chr(c).isspace()]
  const std::vector<char32_t> expected{9,    10,   11,   12,   13,   28,   29,   30,   31,   32,
                                       133,  160,  5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198,
                                       8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288};
  std::vector<char32_t> found;
  for (char32_t code = 0; code < 0x110000; ++code)
    if (tulu::detail::is_python_space(code)) found.push_back(code);
  CHECK(found == expected);
}

TEST_CASE("text is stripped by characters") {
  for (const char32_t space : {U'\t', U' ', U'\x85', U'\xA0', U'\u1680', U'\u2028', U'\u3000'}) {
    std::string text = "x";
    for (int i = 0; i < 2; ++i) tulu::append_utf8(text, space);
    CHECK(strip_right(text) == "x");
    CHECK(strip_left(text) == text);
    CHECK(strip_left(text.substr(1) + "x ") == "x ");
    CHECK(strip_left(text.substr(1)).empty());
    CHECK(strip_right(text.substr(1)).empty());
  }
  CHECK(strip_left("").empty());
  CHECK(strip_right("").empty());
}

TEST_CASE("bytes that only look like the end of whitespace stay") {
  // U+00E0, U+2805 and lone trail bytes.
  CHECK(strip_right("a\xC3\xA0"sv) == "a\xC3\xA0"sv);
  CHECK(strip_right("a\xE2\xA0\x85"sv) == "a\xE2\xA0\x85"sv);
  CHECK(strip_right("a\x80\x80"sv) == "a\x80\x80"sv);
  CHECK(strip_right("\xF0\x9F\x80\x80 "sv) == "\xF0\x9F\x80\x80"sv);
  CHECK(strip_left("\xC2"sv) == "\xC2"sv);
  CHECK(strip_right("a\xC2"sv) == "a\xC2"sv);
  // U+60000: its last bytes are not read for themselves.
  CHECK(strip_right("\xF1\xA0\x80\x80"sv) == "\xF1\xA0\x80\x80"sv);
}

TEST_CASE("strip takes whitespace off both ends, and all of a text that is nothing else") {
  CHECK(tulu::detail::strip(" \n a b\u3000\t") == "a b");
  CHECK(tulu::detail::strip(" \n\u3000").empty());
}
