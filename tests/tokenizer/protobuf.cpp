#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "../support/proto_builder.hpp"
#include "../support/temp_dir.hpp"
#include <tulu/tokenizer/protobuf.hpp>

namespace protobuf_test {

using tulu::detail::protobuf_reader;
using tulu::test::bytes_of;
using tulu::test::message_of;
using tulu::test::proto_fixed32;
using tulu::test::proto_float;
using tulu::test::proto_key;
using tulu::test::proto_number;
using tulu::test::proto_text;
using tulu::test::proto_varint;

using wire_type = protobuf_reader::wire_type;

protobuf_reader reader_of(std::string_view message) {
  return {bytes_of(message), "m.pb"};
}

/// The error of going over all fields without reading a value.
std::string error_of_skipping(std::string_view message) {
  return message_of([&] {
    protobuf_reader in = reader_of(message);
    while (in.next()) {
    }
  });
}

std::uint64_t number_in(const std::string& message) {
  protobuf_reader in = reader_of(message);
  REQUIRE(in.next());
  const std::uint64_t value = in.number("n");
  REQUIRE_FALSE(in.next());
  return value;
}

TEST_CASE("protobuf: every wire type gives its value") {
  const std::string message = proto_number(1, 300) + proto_text(2, std::string{"a\0b", 3}) + proto_float(3, -2.5F) +
                              proto_key(4, 1) + std::string{"\1\2\3\4\5\6\7\x88"} +
                              proto_fixed32(536870911, 0xFFFFFFFE);
  protobuf_reader in = reader_of(message);
  REQUIRE(in.next());
  CHECK(in.field() == 1);
  CHECK(in.type() == wire_type::varint);
  CHECK(in.number("n") == 300);
  REQUIRE(in.next());
  CHECK(in.field() == 2);
  CHECK(in.text("t") == std::string_view{"a\0b", 3});
  REQUIRE(in.next());
  CHECK(in.float32("f") == -2.5F);
  REQUIRE(in.next());
  CHECK(in.fixed64("d") == 0x8807060504030201);
  REQUIRE(in.next());
  CHECK(in.field() == 536870911);
  CHECK(in.fixed32("w") == 0xFFFFFFFE);
  CHECK_FALSE(in.next());
  CHECK_FALSE(in.next());
}

TEST_CASE("protobuf: numbers of all lengths") {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const std::uint64_t value = std::uint64_t{1} << bits;
    CHECK(number_in(proto_number(9, value)) == value);
    CHECK(number_in(proto_number(9, value - 1)) == value - 1);
  }
  CHECK(number_in(proto_number(9, std::numeric_limits<std::uint64_t>::max())) ==
        std::numeric_limits<std::uint64_t>::max());
  CHECK(number_in(proto_key(9, 0) + std::string{"\x81\x80\x00", 3}) == 1);
}

TEST_CASE("protobuf: a bool is true for every number but 0") {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 63}) {
    const std::string message = proto_number(1, value);
    protobuf_reader in = reader_of(message);
    REQUIRE(in.next());
    CHECK(in.boolean("b") == (value != 0));
  }
}

TEST_CASE("protobuf: what is not read is skipped") {
  const std::string message = proto_number(1, 1'000'000) + proto_text(2, "skipped") + proto_float(3, 1) +
                              proto_key(4, 1) + std::string(8, 'x') + proto_number(5, 7);
  protobuf_reader in = reader_of(message);
  for (std::uint32_t field = 1; field <= 5; ++field) {
    REQUIRE(in.next());
    CHECK(in.field() == field);
  }
  CHECK(in.number("last") == 7);
  CHECK_FALSE(in.next());
}

TEST_CASE("protobuf: messages within messages end where they end, and know where they are in the file") {
  const std::string inner = proto_number(1, 5) + proto_text(2, "in");
  const std::string message = proto_number(7, 1) + proto_text(8, inner) + proto_number(9, 2);
  protobuf_reader in = reader_of(message);
  REQUIRE(in.next());
  REQUIRE(in.next());
  protobuf_reader part = in.message("part");
  REQUIRE(part.next());
  CHECK(part.number("n") == 5);
  REQUIRE(part.next());
  CHECK(part.text("t") == "in");
  CHECK(std::string{part.failure("t", "out", "in").what()} == "m.pb: byte 7: part.t: expected out, found in");
  CHECK_FALSE(part.next());
  REQUIRE(in.next());
  CHECK(in.number("n") == 2);
}

TEST_CASE("protobuf: an empty message has no fields") {
  CHECK(error_of_skipping("") == "");
  const std::string message = proto_text(1, "");
  protobuf_reader in = reader_of(message);
  REQUIRE(in.next());
  CHECK_FALSE(in.message("empty").next());
  CHECK_FALSE(in.next());
}

TEST_CASE("protobuf: values that reach beyond the message are refused with their place") {
  CHECK(error_of_skipping(proto_number(1, 1) + proto_key(2, 0)) ==
        "m.pb: byte 3: field 2: expected a whole number, found the end of the message");
  CHECK(error_of_skipping(proto_key(2, 0) + "\xFF") ==
        "m.pb: byte 1: field 2: expected a whole number, found the end of the message");
  CHECK(error_of_skipping(proto_key(2, 5) + "abc") ==
        "m.pb: byte 1: field 2: expected 4 bytes, found 3 until the end of the message");
  CHECK(error_of_skipping(proto_key(2, 1) + "abcdefg") ==
        "m.pb: byte 1: field 2: expected 8 bytes, found 7 until the end of the message");
  CHECK(error_of_skipping(proto_key(2, 2) + "\5abcd") ==
        "m.pb: byte 1: field 2: expected 5 bytes, found 4 until the end of the message");
  CHECK(error_of_skipping(proto_key(2, 2) + proto_varint(std::numeric_limits<std::uint64_t>::max()) + "abcd") ==
        "m.pb: byte 1: field 2: expected 18446744073709551615 bytes, found 4 until the end of the message");
  CHECK(error_of_skipping("\x80") == "m.pb: byte 0: field key: expected a whole number, found the end of the message");

  const std::string inner = proto_key(1, 2) + "\5abc";
  const std::string message = proto_text(3, inner) + "padding";
  CHECK(message_of([&] {
          protobuf_reader in = reader_of(message);
          REQUIRE(in.next());
          protobuf_reader part = in.message("part");
          REQUIRE(part.next());
          static_cast<void>(part.text("t"));
        }) == "m.pb: byte 3: part.t: expected 5 bytes, found 3 until the end of the message");
}

TEST_CASE("protobuf: keys and numbers that no writer makes are refused") {
  CHECK(error_of_skipping(std::string(1, '\0')) ==
        "m.pb: byte 0: field key: expected a field number from 1 to 536870911, found 0");
  CHECK(error_of_skipping(proto_number(1, 1) + proto_key(536870912, 0) + "\1") ==
        "m.pb: byte 2: field key: expected a field number from 1 to 536870911, found 536870912");
  CHECK(error_of_skipping("\x88\x80\x80\x80\x80" + std::string(2, '\0')) ==
        "m.pb: byte 0: field key: expected at most 5 bytes, found more");
  CHECK(error_of_skipping(proto_key(4, 3) + proto_key(4, 4)) ==
        "m.pb: byte 0: field 4: expected a value, found a group");
  CHECK(error_of_skipping(proto_key(4, 4)) == "m.pb: byte 0: field 4: expected a value, found a group");
  CHECK(error_of_skipping(proto_key(4, 6)) == "m.pb: byte 0: field 4: expected a wire type from 0 to 5, found 6");
  CHECK(error_of_skipping(proto_key(4, 7)) == "m.pb: byte 0: field 4: expected a wire type from 0 to 5, found 7");
  CHECK(error_of_skipping(proto_key(1, 0) + std::string(9, '\xFF') + "\2") ==
        "m.pb: byte 1: field 1: expected a number of at most 64 bits, found a longer one");
  CHECK(error_of_skipping(proto_key(1, 0) + std::string(11, '\x80')) ==
        "m.pb: byte 1: field 1: expected a number of at most 64 bits, found a longer one");
}

TEST_CASE("protobuf: a value of another wire type than asked for is refused") {
  const auto error_of = [](const std::string& message, auto&& read) {
    return message_of([&] {
      protobuf_reader in = reader_of(message);
      REQUIRE(in.next());
      static_cast<void>(read(in));
    });
  };
  CHECK(error_of(proto_text(1, "x"), [](protobuf_reader& in) { return in.number("n"); }) ==
        "m.pb: byte 1: n: expected a number, found bytes");
  CHECK(error_of(proto_number(1, 1), [](protobuf_reader& in) { return in.text("t"); }) ==
        "m.pb: byte 1: t: expected bytes, found a number");
  CHECK(error_of(proto_key(1, 1) + std::string(8, 'x'), [](protobuf_reader& in) { return in.float32("f"); }) ==
        "m.pb: byte 1: f: expected a 32-bit value, found a 64-bit value");
  CHECK(error_of(proto_float(1, 1), [](protobuf_reader& in) { return in.fixed64("d"); }) ==
        "m.pb: byte 1: d: expected a 64-bit value, found a 32-bit value");
  CHECK(error_of(proto_number(1, 1), [](protobuf_reader& in) { return in.message("part").next(); }) ==
        "m.pb: byte 1: part: expected bytes, found a number");
}

}  // namespace protobuf_test
