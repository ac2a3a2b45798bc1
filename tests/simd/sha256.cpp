#include <span>

#include <doctest/doctest.h>

#include "support/sha256_cases.hpp"
#include <tulu/simd/sha256.hpp>

TEST_CASE("the SHA-256 chosen for this processor gives the known digests, however the data is cut") {
  tulu::test::check_sha256(tulu::simd::best_sha256(tulu::detect_cpu()));
}

TEST_CASE("a pair of hashes chosen for this processor gives each its own digest") {
  tulu::test::check_sha256_pairs(tulu::simd::best_sha256(tulu::detect_cpu()));
}

TEST_CASE("a long run of blocks gives the portable digest") {
  const auto data = tulu::test::varied_bytes(100'003);
  const auto fast = tulu::simd::best_sha256(tulu::detect_cpu());
  CHECK(tulu::test::sha256_hex(fast, data) == tulu::test::sha256_hex(tulu::io::portable_sha256, data));
  CHECK(tulu::test::sha256_hex(fast, std::span{data}.subspan(1)) ==
        tulu::test::sha256_hex(tulu::io::portable_sha256, std::span{data}.subspan(1)));
}

TEST_CASE("a processor without the SHA extensions gets the portable functions") {
  CHECK((tulu::simd::best_sha256({}).blocks == tulu::io::portable_sha256.blocks));
  CHECK((tulu::simd::best_sha256({.ssse3 = true, .sse4_1 = true}).blocks == tulu::io::portable_sha256.blocks));
  CHECK((tulu::simd::best_sha256({.sha = true}).blocks == tulu::io::portable_sha256.blocks));
}

#if defined(__x86_64__)
TEST_CASE("a processor with the SHA extensions gets other functions than the portable ones") {
  const auto chosen = tulu::simd::best_sha256({.ssse3 = true, .sse4_1 = true, .sha = true});
  CHECK((chosen.blocks != tulu::io::portable_sha256.blocks));
  CHECK((chosen.blocks_pair != tulu::io::portable_sha256.blocks_pair));
}
#endif
