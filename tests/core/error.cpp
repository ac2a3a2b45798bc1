#include <string>

#include <doctest/doctest.h>

#include <tulu/core/error.hpp>

TEST_CASE("mismatch_error: file, place, expected and found in one line") {
  CHECK(std::string{tulu::mismatch_error("f", "lm_head.weight", "[2]", "[3]").what()} ==
        "f: lm_head.weight: expected [2], found [3]");
  CHECK(std::string{tulu::mismatch_error("f", "", "JSON", "nothing").what()} == "f: expected JSON, found nothing");
}

TEST_CASE("printable: control characters cannot reach a terminal, other bytes stay") {
  using namespace std::string_literals;
  CHECK(tulu::printable("model.norm.weight") == "model.norm.weight");
  CHECK(tulu::printable("a\x1b[2J\n\0\x7f"s) == "a\\x1b[2J\\x0a\\x00\\x7f");
  CHECK(tulu::printable("gr\xc3\xb6\xc3\x9f"
                        "e") ==
        "gr\xc3\xb6\xc3\x9f"
        "e");
  CHECK(tulu::printable("").empty());
}

TEST_CASE("printable: a long text keeps its start and its end") {
  const std::string text = tulu::printable(std::string(1000, 'a') + std::string(1000, 'b'), 10);
  CHECK(text == "aaaaa...bbbbb");
  CHECK(tulu::printable("0123456789", 10) == "0123456789");
}
