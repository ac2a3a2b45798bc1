#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/checkpoint/gguf_value.hpp>

using tulu::checkpoint::describe;
using tulu::checkpoint::gguf_type;
using tulu::checkpoint::gguf_value;
using namespace std::string_literals;

TEST_CASE("gguf_value: the bytes are those of the file") {
  CHECK(gguf_value::of(std::uint16_t{0x1234}).bytes() == "\x34\x12");
  CHECK(gguf_value::of(std::int32_t{-2}).bytes() == "\xfe\xff\xff\xff");
  CHECK(gguf_value::of(1.0F).bytes() == "\0\0\x80\x3f"s);
  CHECK(gguf_value::of(true).bytes() == "\1");
  CHECK(gguf_value::of("ab").bytes() == "\2\0\0\0\0\0\0\0ab"s);
  const auto words = gguf_value::array_of<std::string>({"a", ""});
  CHECK(words.bytes() == "\1\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\0"s);
  CHECK(words.type() == gguf_type::array);
  CHECK(words.element_type() == gguf_type::string);
  CHECK(words.size() == 2);
  CHECK(gguf_value::array_of<bool>({true, false}).bytes() == "\1\0"s);
}

TEST_CASE("gguf_value: integers are taken by value, whatever their type") {
  const auto value = gguf_value::of(std::int64_t{300});
  CHECK(value.as<std::uint32_t>() == 300U);
  CHECK(value.as<std::int16_t>() == std::int16_t{300});
  CHECK_FALSE(value.as<std::uint8_t>().has_value());
  CHECK_FALSE(value.as<double>().has_value());
  CHECK_FALSE(value.as<bool>().has_value());
  CHECK_FALSE(value.as<std::string>().has_value());
  CHECK_FALSE(gguf_value::of(std::int8_t{-1}).as<std::uint64_t>().has_value());
  CHECK(gguf_value::of(std::int8_t{-1}).as<std::int64_t>() == -1);
  const auto largest = std::numeric_limits<std::uint64_t>::max();
  CHECK(gguf_value::of(largest).as<std::uint64_t>() == largest);
  CHECK_FALSE(gguf_value::of(largest).as<std::int64_t>().has_value());
}

TEST_CASE("gguf_value: floats, bools and strings are themselves only") {
  CHECK(gguf_value::of(0.1F).as<float>() == 0.1F);
  CHECK(gguf_value::of(0.1F).as<double>() == static_cast<double>(0.1F));
  CHECK(gguf_value::of(0.1).as<double>() == 0.1);
  CHECK_FALSE(gguf_value::of(0.1).as<float>().has_value());
  CHECK(gguf_value::of(false).as<bool>() == false);
  CHECK_FALSE(gguf_value::of(std::uint8_t{1}).as<bool>().has_value());
  const auto text = gguf_value::of("x\n");
  CHECK(text.as<std::string_view>() == "x\n");
  CHECK(text.as<std::string>() == "x\n");
  CHECK_FALSE(text.as<std::uint8_t>().has_value());
}

TEST_CASE("gguf_value: arrays") {
  using words = std::vector<std::string_view>;
  const auto text = gguf_value::array_of<std::string>({"one", "", "three"});
  CHECK(text.as_array<std::string_view>() == words{"one", "", "three"});
  CHECK_FALSE(text.as<std::string>().has_value());
  CHECK_FALSE(text.as_array<float>().has_value());
  CHECK_FALSE(gguf_value::of("one").as_array<std::string>().has_value());
  const auto numbers = gguf_value::array_of<std::int32_t>({7, 300});
  CHECK(numbers.as_array<std::uint64_t>() == std::vector<std::uint64_t>{7, 300});
  CHECK_FALSE(numbers.as_array<std::uint8_t>().has_value());
  CHECK(gguf_value::array_of<float>({}).as_array<float>() == std::vector<float>{});
  CHECK_FALSE(gguf_value(gguf_type::array, 0, "").as_array<float>().has_value());
}

TEST_CASE("gguf_value: what it is, for messages") {
  CHECK(describe(gguf_value::of(std::uint32_t{7})) == "uint32 7");
  CHECK(describe(gguf_value::of(std::int8_t{-7})) == "int8 -7");
  CHECK(describe(gguf_value::of(std::numeric_limits<std::uint64_t>::max())) == "uint64 18446744073709551615");
  CHECK(describe(gguf_value::of(0.5F)) == "float32 0.500000");
  CHECK(describe(gguf_value::of(true)) == "bool true");
  CHECK(describe(gguf_value::of("a\n")) == "the string \"a\\x0a\"");
  CHECK(describe(gguf_value::array_of<float>({1, 2})) == "an array of 2 float32");
}
