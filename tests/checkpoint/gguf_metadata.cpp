#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/gguf_metadata.hpp>

using checkpoint::gguf_metadata;
using checkpoint::gguf_value;
using tulu::test::message_of;

namespace gguf_metadata_test {

namespace checkpoint = tulu::checkpoint;

gguf_metadata sample() {
  return {"m.gguf",
          {{"b", gguf_value::of(std::uint32_t{5})},
           {"a", gguf_value::of("text")},
           {"list", gguf_value::array_of<std::string>({"x", "y"})},
           {"a\n", gguf_value::of(2.5F)}}};
}

TEST_CASE("gguf_metadata: entries in their order, values by key") {
  const auto metadata = sample();
  CHECK(metadata.path() == "m.gguf");
  REQUIRE(metadata.entries().size() == 4);
  CHECK(metadata.entries()[0].key == "b");
  CHECK(metadata.entries()[3].key == "a\n");
  CHECK(metadata.contains("list"));
  CHECK(metadata.find("c") == nullptr);
  REQUIRE(metadata.find("a") != nullptr);
  CHECK(metadata.find("a")->as<std::string>() == "text");
  CHECK(metadata.get<std::uint64_t>("b") == 5U);
  CHECK_FALSE(metadata.get<std::uint64_t>("c").has_value());
  CHECK(metadata.required<std::string>("a") == "text");
  CHECK(metadata.get<std::vector<std::string_view>>("list") == std::vector<std::string_view>{"x", "y"});
}

TEST_CASE("gguf_metadata: other types and missing keys are named") {
  const auto metadata = sample();
  CHECK(message_of([&] { static_cast<void>(metadata.get<std::uint32_t>("a")); }) ==
        "m.gguf: a: expected uint32, found the string \"text\"");
  CHECK(message_of([&] { static_cast<void>(metadata.get<std::uint8_t>("a\n")); }) ==
        "m.gguf: a\\x0a: expected uint8, found float32 2.500000");
  CHECK(message_of([&] { static_cast<void>(metadata.get<std::vector<float>>("list")); }) ==
        "m.gguf: list: expected an array of float32, found an array of 2 string");
  CHECK(message_of([&] { static_cast<void>(metadata.get<std::vector<float>>("b")); }) ==
        "m.gguf: b: expected an array of float32, found uint32 5");
  CHECK(message_of([&] { static_cast<void>(metadata.required<std::string>("c")); }) ==
        "m.gguf: c: expected string, found no such key");
}

TEST_CASE("gguf_metadata: a key that is there twice is refused") {
  CHECK(
      message_of([] {
        gguf_metadata{"m.gguf", {{"k", gguf_value::of(true)}, {"j", gguf_value::of(true)}, {"k", gguf_value::of(1.0)}}};
      }) == "m.gguf: k: expected each key once, found it again");
}

}  // namespace gguf_metadata_test
