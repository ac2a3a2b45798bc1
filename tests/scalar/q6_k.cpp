#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/q6_k.hpp>

static_assert(tulu::block_scalar<tulu::q6_k>);

TEST_CASE("q6_k: decodes and encodes as ggml") {
  const tulu::test::block_goldens goldens{tulu::dtype::q6_k};
  tulu::test::check_decode<tulu::q6_k>(goldens);
  tulu::test::check_encode<tulu::q6_k>(goldens);
}

TEST_CASE("q6_k: NaN and infinite weights") {
  tulu::test::check_no_numbers<tulu::q6_k>();
}
