#include <cstddef>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include <tulu/tokenizer/byte_alphabet.hpp>

using tulu::detail::append_bytes_of;
using tulu::detail::byte_characters;
using tulu::detail::byte_of_character;
using tulu::detail::write_bytes;

TEST_CASE("the alphabet is GPT-2's") {
  CHECK(byte_characters[' '] == U'Ġ');
  CHECK(byte_characters['\n'] == U'Ċ');
  CHECK(byte_characters['!'] == U'!');
  CHECK(byte_characters[0x00] == 0x100);
  CHECK(byte_characters[0x7F] == 0x121);
  CHECK(byte_characters[0xA0] == 0x142);
  CHECK(byte_characters[0xAD] == 0x143);
  CHECK(byte_characters[0xAC] == 0xAC);
  CHECK(byte_characters[0xFF] == 0xFF);
  CHECK(write_bytes(" é\n") == "ĠÃ©Ċ");
}

TEST_CASE("each byte has a character of its own, which leads back to it") {
  std::set<char32_t> seen;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    seen.insert(byte_characters[byte]);
    CHECK(byte_of_character(byte_characters[byte]) == byte);
  }
  CHECK(seen.size() == 256);
  std::size_t known = 0;
  for (char32_t code = 0; code < 0x2000; ++code) known += byte_of_character(code).has_value() ? 1 : 0;
  CHECK(known == 256);
  CHECK_FALSE(byte_of_character(0x10FFFF));
}

TEST_CASE("pieces become their bytes, or nothing when they are written otherwise") {
  std::string out = "x";
  CHECK(append_bytes_of(out, "ĠÃ©"));
  CHECK(out == "x \xC3\xA9");
  CHECK(append_bytes_of(out, ""));
  for (const char* other : {"a b", "aж", "a\n", "a\xFF", "\xC4"}) CHECK_FALSE(append_bytes_of(out, other));
  CHECK(out == "x \xC3\xA9");
}
