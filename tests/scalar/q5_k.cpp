#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/q5_k.hpp>

static_assert(tulu::block_scalar<tulu::q5_k>);

TEST_CASE("q5_k: decodes and encodes as ggml") {
  const tulu::test::block_goldens goldens{tulu::dtype::q5_k};
  tulu::test::check_decode<tulu::q5_k>(goldens);
  tulu::test::check_encode<tulu::q5_k>(goldens);
}

TEST_CASE("q5_k: NaN and infinite weights") {
  tulu::test::check_no_numbers<tulu::q5_k>();
}
