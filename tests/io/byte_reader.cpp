#include <array>
#include <cstdint>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/byte_reader.hpp>

using tulu::test::message_of;

namespace byte_reader_test {

constexpr std::array<std::byte, 8> bytes{std::byte{1}, std::byte{2}, std::byte{3},    std::byte{4},
                                         std::byte{5}, std::byte{6}, std::byte{0x7f}, std::byte{0xff}};

TEST_CASE("byte_reader: numbers are little-endian, of every size") {
  tulu::io::byte_reader reader{bytes, "f"};
  CHECK(reader.take_number<std::uint8_t>() == 1);
  CHECK(reader.take_number<std::uint16_t>() == 0x0302);
  CHECK(reader.take_number<std::uint32_t>() == 0x7f060504);
  CHECK(reader.position() == 7);
  CHECK(reader.remaining() == 1);
  CHECK_FALSE(reader.at_end());
  tulu::io::byte_reader whole{bytes, "f"};
  CHECK(whole.take_number<std::uint64_t>() == 0xff7f060504030201U);
  CHECK(whole.at_end());
}

TEST_CASE("byte_reader: spans and text are views of the bytes") {
  tulu::io::byte_reader reader{bytes, "f"};
  CHECK(reader.take(2).data() == bytes.data());
  CHECK(reader.take_text(2) == "\x03\x04");
  CHECK(reader.take(0).empty());
  CHECK(reader.position() == 4);
}

TEST_CASE("byte_reader: reading past the end throws, names the place and moves nothing") {
  tulu::io::byte_reader reader{bytes, "model.bin"};
  CHECK(reader.take(6).size() == 6);
  CHECK(message_of([&] { static_cast<void>(reader.take_number<std::uint32_t>()); }) ==
        "model.bin: byte 6: expected 4 bytes, found 2 until the end");
  CHECK_FALSE(message_of([&] { static_cast<void>(reader.take(~std::size_t{0})); }).empty());
  CHECK(reader.position() == 6);
  CHECK(reader.take(2).size() == 2);
  CHECK_FALSE(message_of([&] { static_cast<void>(reader.take(1)); }).empty());
}

}  // namespace byte_reader_test
