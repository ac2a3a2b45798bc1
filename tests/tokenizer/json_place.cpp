#include <string>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/json_place.hpp>

using tulu::detail::json_place;
using tulu::test::message_of;

TEST_CASE("errors name the place of a value in its file") {
  const auto root = tulu::io::parse_json(R"({"a": {"b": [1, "x"], "c": null}})", "f.json");
  const json_place place{root, "f.json"};
  CHECK(place.at("a").value_or("d", true));
  CHECK_FALSE(place.at("a").find("c").has_value());
  CHECK(message_of([&] { (void)place.at("a").at("c"); }) == "f.json: a.c: expected a value, found null");
  CHECK(message_of([&] { (void)place.at("z\n"); }) == "f.json: z\\x0a: expected a value, found no such key");
  CHECK(message_of([&] { (void)place.at("a").at("b").at("x"); }) == "f.json: a.b: expected an object, found an array");
  CHECK(message_of([&] { (void)place.at("a").as<std::string>(); }) == "f.json: a: expected a string, found an object");
  CHECK(message_of([&] { place.for_each([](const json_place&) {}); }) == "f.json: expected an array, found an object");
  CHECK(message_of([&] {
          place.at("a").at("b").for_each([](const json_place& item) { (void)item.as<unsigned>(); });
        }) == "f.json: a.b[1]: expected a non-negative integer, found \"x\"");
}
