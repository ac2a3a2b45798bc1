#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/json.hpp>

using tulu::test::message_of;

namespace json_test {

namespace io = tulu::io;

std::string failure(std::string_view text, io::json_limits limits = {}) {
  return message_of([&] { static_cast<void>(io::parse_json(text, "config.json", limits)); });
}

TEST_CASE("json: every kind of value is read and objects keep the order of their keys") {
  const std::string text = R"({"z":[1,-2,2.5,true,null],"a":{"k":"\u00e4"},"m":"x"})";
  const io::json value = io::parse_json(text, "f");
  CHECK(value.dump(-1, ' ', true) == text);
  CHECK(value["z"][0].is_number_unsigned());
  CHECK(value["z"][1].get<int>() == -2);
  CHECK(value["a"]["k"] == "\u00e4");
}

TEST_CASE("json: values that are no object or array, and the byte order mark of some editors") {
  CHECK(io::parse_json(" 3 ", "f") == 3);
  CHECK(io::parse_json("\xef\xbb\xbf{}", "f") == io::json::object());
}

TEST_CASE("json: text that is not JSON is refused with file and position") {
  CHECK(failure("{\"a\": tru}").starts_with("config.json: byte 10: expected JSON, found syntax error"));
  CHECK(failure("").starts_with("config.json: byte 1: expected JSON"));
  CHECK(failure("{} x").starts_with("config.json: byte 4"));
  for (const char* text :
       {"{", "[1,]", "{\"a\"}", "{\"a\":1,}", "'a'", "[1] [2]", "01", "+1", "NaN", "// c\n1", "\"\t\""})
    CHECK_MESSAGE(!failure(text).empty(), text);
}

TEST_CASE("json: a number beyond the range of double, bytes that are not UTF-8 and lone surrogates are refused") {
  CHECK(failure("1e999").find("number overflow") != std::string::npos);
  CHECK(failure("\"\xff\"").find("UTF-8") != std::string::npos);
  CHECK(failure("\"\xc0\x80\"").find("UTF-8") != std::string::npos);
  CHECK(!failure(R"("\ud800")").empty());
}

TEST_CASE("json: a NUL does not end the text") {
  using namespace std::string_literals;
  CHECK(failure("{}\0garbage"s) == "config.json: byte 2: expected JSON, found a NUL character");
}

TEST_CASE("json: a key twice is refused at every level and named") {
  CHECK(failure(R"({"a":1,"b":2,"a":3})") == "config.json: a: expected each key once, found a duplicate key");
  CHECK(failure(R"([{"x":{"deep":1,"deep":1}}])").find(": deep: ") != std::string::npos);
  CHECK(failure(R"({"a":1,"\u0061":1})").find(": a: ") != std::string::npos);
  CHECK(failure(R"({"a":{"a":1},"b":{"a":1}})").empty());
}

TEST_CASE("json: nesting is limited, whatever the brackets") {
  CHECK(failure(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(failure(std::string(65, '[') + std::string(65, ']')).find("nested at most 64") != std::string::npos);
  CHECK(failure(std::string(100'000, '[')).find("nested at most 64") != std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(failure(objects).find("nested at most 64") != std::string::npos);
}

TEST_CASE("json: the number of values is limited") {
  CHECK(failure("[1,2,3]", {.values = 4}).empty());
  CHECK(failure("[1,2,3,4]", {.values = 4}) == "config.json: expected at most 4 JSON values, found more");
}

TEST_CASE("json: an object of 200000 keys is read without comparing each with each") {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  CHECK(io::parse_json(text + "}", "f").size() == 200'000);
}

TEST_CASE("json: required and optional values have the type that is asked for") {
  const io::json value = io::parse_json(
      R"({"n":4096,"neg":-1,"f":1e-5,"s":"silu","b":true,"null":null,"list":[1,2],"mixed":[1,"a"],"o":{}})", "f");
  CHECK(io::required<std::size_t>(value, "n", "f") == 4096);
  CHECK(io::required<int>(value, "neg", "f") == -1);
  CHECK(io::required<double>(value, "f", "f") == 1e-5);
  CHECK(io::required<double>(value, "n", "f") == 4096.0);
  CHECK(io::required<std::string>(value, "s", "f") == "silu");
  CHECK(io::required<bool>(value, "b", "f"));
  CHECK(io::required<std::vector<int>>(value, "list", "f") == std::vector{1, 2});
  CHECK(io::optional_value<int>(value, "n", "f") == 4096);
  CHECK_FALSE(io::optional_value<int>(value, "null", "f").has_value());
  CHECK_FALSE(io::optional_value<int>(value, "absent", "f").has_value());
}

TEST_CASE("json: a value of the wrong type is named with file, key and what was found") {
  const io::json value = io::parse_json(R"({"n":4096,"neg":-1,"f":2.0,"s":"x","null":null,"o":{},"m":[1,"a"]})", "f");
  const auto size = [&](const char* key) {
    return message_of([&] { static_cast<void>(io::required<std::size_t>(value, key, "c.json")); });
  };
  CHECK(size("hidden_size") == "c.json: hidden_size: expected a non-negative integer, found no such key");
  CHECK(size("null") == "c.json: null: expected a non-negative integer, found null");
  CHECK(size("neg") == "c.json: neg: expected a non-negative integer, found -1");
  CHECK(size("f") == "c.json: f: expected a non-negative integer, found 2.0");
  CHECK(size("s") == "c.json: s: expected a non-negative integer, found \"x\"");
  CHECK(size("o") == "c.json: o: expected a non-negative integer, found an object");
  CHECK(!message_of([&] { static_cast<void>(io::optional_value<bool>(value, "n", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::optional_value<std::string>(value, "n", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::optional_value<double>(value, "s", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::required<std::vector<int>>(value, "m", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::required<int>(io::json::array(), "m", "f")); }).empty());
}

TEST_CASE("json: integers that do not fit the type are refused") {
  const io::json value = io::parse_json(R"({"u":18446744073709551615,"over":18446744073709551616,"b":256})", "f");
  CHECK(io::required<std::uint64_t>(value, "u", "f") == 18446744073709551615U);
  CHECK(!message_of([&] { static_cast<void>(io::required<std::int64_t>(value, "u", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::required<std::uint64_t>(value, "over", "f")); }).empty());
  CHECK(!message_of([&] { static_cast<void>(io::required<std::uint8_t>(value, "b", "f")); }).empty());
}

TEST_CASE("json: load_json refuses long files, git-lfs pointers, web pages and empty files") {
  const tulu::test::temp_dir dir;
  const auto path = dir.path() / "config.json";
  const auto load = [&](std::string_view content, std::size_t most = 1000) {
    tulu::test::write_file(path, content);
    return message_of([&] { static_cast<void>(io::load_json(path, most)); });
  };
  CHECK(load("{\"a\":1}").empty());
  CHECK(load("{\"a\":1}", 6) == path.string() + ": expected a JSON file of at most 6 bytes, found 7 bytes");
  CHECK(load("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 651\n") ==
        path.string() + ": expected JSON, found a git-lfs pointer to 651 bytes (run \"git lfs pull\")");
  CHECK(load("\n<!DOCTYPE html><html>").find("an HTML page") != std::string::npos);
  CHECK(load("<?xml version='1.0'?><Error/>").find("an XML document") != std::string::npos);
  CHECK(load("") == path.string() + ": expected JSON, found an empty file");
  CHECK(!message_of([&] { static_cast<void>(io::load_json(dir.path() / "absent.json")); }).empty());
}

TEST_CASE("json: quoting escapes what JSON must, and beyond ASCII on request") {
  CHECK(io::quote_json("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(io::quote_json("\u00e4") == "\"\u00e4\"");
  CHECK(io::quote_json("\u00e4", true) == R"("\u00e4")");
  CHECK(message_of([] { static_cast<void>(io::quote_json("\xff")); }).find("UTF-8") != std::string::npos);
}

}  // namespace json_test
