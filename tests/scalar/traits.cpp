#include <doctest/doctest.h>

#include <tulu/scalar/traits.hpp>

static_assert(tulu::weight_scalar<float> && tulu::weight_scalar<tulu::f16> && tulu::weight_scalar<tulu::bf16>);
static_assert(!tulu::weight_scalar<double> && !tulu::weight_scalar<const float> &&
              !tulu::weight_scalar<unsigned short>);

TEST_CASE("from_float rounds to the type asked for") {
  const float third = 1.0f / 3;
  CHECK(tulu::from_float<float>(third) == third);
  CHECK(tulu::from_float<tulu::f16>(third) == tulu::to_f16(third));
  CHECK(tulu::from_float<tulu::bf16>(third) == tulu::to_bf16(third));
  CHECK(tulu::to_float(third) == third);
}
