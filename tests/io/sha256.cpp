#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include "support/sha256_cases.hpp"
#include <tulu/io/sha256.hpp>

TEST_CASE("portable SHA-256 gives the known digests, however the data is cut") {
  tulu::test::check_sha256(tulu::io::portable_sha256);
}

TEST_CASE("a pair of portable hashes over the same data gives each its own digest") {
  tulu::test::check_sha256_pairs(tulu::io::portable_sha256);
}

TEST_CASE("finish leaves a hash to go on with, and copies go their own way") {
  const std::vector<std::byte> data = tulu::test::varied_bytes(200);
  tulu::io::sha256 hash;
  hash.update(std::span{data}.first(70));
  const auto early = hash.finish();
  CHECK(hash.finish() == early);
  tulu::io::sha256 copy = hash;
  hash.update(std::span{data}.subspan(70));
  CHECK(tulu::io::to_hex(hash.finish()) == tulu::test::sha256_hex(tulu::io::portable_sha256, data));
  CHECK(copy.finish() == early);
}

TEST_CASE("to_hex writes two lower-case digits a byte") {
  CHECK(tulu::io::to_hex(std::array{std::byte{0x00}, std::byte{0x0f}, std::byte{0xa9}, std::byte{0xff}}) == "000fa9ff");
  CHECK(tulu::io::to_hex({}).empty());
}
