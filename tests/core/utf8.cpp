#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <tulu/core/utf8.hpp>

using tulu::complete_utf8_prefix;
using tulu::read_utf8;
using tulu::replace_invalid_utf8;

TEST_CASE("utf8: every scalar value is read back as it was written") {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;
    std::string text;
    tulu::append_utf8(text, code);
    const auto read = read_utf8(text + "a");
    const bool same = read.code == code && read.length == text.size() && read.valid;
    if (!same) CHECK_MESSAGE(same, "code point " << static_cast<unsigned>(code));
    if (replace_invalid_utf8(text) != text) CHECK_MESSAGE(false, "code point " << static_cast<unsigned>(code));
  }
}

TEST_CASE("utf8: overlong forms, surrogates, values beyond U+10FFFF and stray bytes are one invalid byte each") {
  for (const std::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE4\xB8", "\xC3", "\xF0\x9F\x98",
        "\xE4"
        "a\x80"}) {
    const auto read = read_utf8(text);
    CHECK_FALSE(read.valid);
    CHECK(read.code == 0xFFFD);
    CHECK(read.length == 1);
  }
  CHECK(replace_invalid_utf8("a\xED\xA0\x80\xE4\xB8") ==
        "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(read_utf8("\xEF\xBF\xBD").valid);
  CHECK(tulu::is_utf8("a\xEF\xBF\xBD"));
  CHECK_FALSE(tulu::is_utf8("a\xE4\xB8"));
  CHECK(tulu::valid_utf8_prefix("\xC3\xA9\xFF") == 2);
}

TEST_CASE("utf8: a prefix is complete when no further bytes can make its end a character") {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;
    std::string text{"xy"};
    tulu::append_utf8(text, code);
    bool right = complete_utf8_prefix(text) == text.size();
    for (std::size_t length = 2; length < text.size(); ++length)
      right = right && complete_utf8_prefix(std::string_view{text}.substr(0, length)) == 2;
    if (!right) CHECK_MESSAGE(right, "code point " << static_cast<unsigned>(code));
  }
  CHECK(complete_utf8_prefix("") == 0);
  // What nothing can complete does not wait.
  for (const std::string_view text :
       {"\x80", "\xBF\xBF\xBF\xBF", "\xC0", "\xE0\x9F", "\xED\xA0", "\xF0\x8F", "\xF4\x90", "\xF5", "\xFF"})
    CHECK(complete_utf8_prefix(text) == text.size());
}
