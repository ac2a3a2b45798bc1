#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/q5_0.hpp>

static_assert(tulu::block_scalar<tulu::q5_0>);

TEST_CASE("q5_0: decodes and encodes as ggml") {
  const tulu::test::block_goldens goldens{tulu::dtype::q5_0};
  tulu::test::check_decode<tulu::q5_0>(goldens);
  tulu::test::check_encode<tulu::q5_0>(goldens);
}

TEST_CASE("q5_0: NaN and infinite weights") {
  tulu::test::check_no_numbers<tulu::q5_0>();
}
