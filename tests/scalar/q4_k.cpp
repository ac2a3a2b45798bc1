#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/q4_k.hpp>

static_assert(tulu::block_scalar<tulu::q4_k>);

TEST_CASE("q4_k: decodes and encodes as ggml") {
  const tulu::test::block_goldens goldens{tulu::dtype::q4_k};
  tulu::test::check_decode<tulu::q4_k>(goldens);
  tulu::test::check_encode<tulu::q4_k>(goldens);
}

TEST_CASE("q4_k: NaN and infinite weights") {
  tulu::test::check_no_numbers<tulu::q4_k>();
}
