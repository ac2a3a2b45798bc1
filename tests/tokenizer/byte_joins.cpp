#include <string_view>

#include <doctest/doctest.h>

#include <tulu/tokenizer/byte_joins.hpp>

TEST_CASE("byte_joins: a text is cut where no piece has both neighbours") {
  tulu::detail::byte_joins joins;
  for (const std::string_view piece : {"ab", "bc", " x", "日本", "é", "e"}) joins.add_all(piece);
  CHECK(joins.first_part("abcd") == 3);
  CHECK(joins.first_part("d") == 1);
  CHECK(joins.first_part("da") == 1);
  CHECK(joins.first_part(" xa") == 2);
  CHECK(joins.first_part("日本語") == 6);
  CHECK(joins.first_part("本日") == 3);
  CHECK(joins.first_part("éé") == 2);
}

TEST_CASE("byte_joins: characters that a piece has in part join") {
  tulu::detail::byte_joins joins;
  joins.add_all(" \xE6");         // a blank and the start of a character
  joins.add_all("\x9C\xAC\xE8");  // the end of one and the start of another
  joins.add_all("\xA9z");
  joins.add_all("\x80\x81");  // within a character
  CHECK(joins.first_part(" 日") == 4);
  CHECK(joins.first_part(" 語") == 1);
  CHECK(joins.first_part("本語") == 6);
  CHECK(joins.first_part("本日") == 3);
  CHECK(joins.first_part("éz") == 3);
  CHECK(joins.first_part("ez") == 1);
}
