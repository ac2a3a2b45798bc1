#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/iq4_nl.hpp>

static_assert(tulu::block_scalar<tulu::iq4_nl>);

TEST_CASE("iq4_nl: decodes as ggml") {
  tulu::test::check_decode<tulu::iq4_nl>(tulu::test::block_goldens{tulu::dtype::iq4_nl, true});
}
