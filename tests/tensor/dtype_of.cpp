#include <doctest/doctest.h>

#include <tulu/tensor/dtype_of.hpp>

TEST_CASE("each weight scalar has the dtype of its size that recover adds in") {
  CHECK(tulu::dtype_of<float> == tulu::dtype::f32);
  CHECK(tulu::dtype_of<tulu::f16> == tulu::dtype::f16);
  CHECK(tulu::dtype_of<tulu::bf16> == tulu::dtype::bf16);
  CHECK(tulu::size_of(tulu::dtype_of<tulu::f16>) == sizeof(tulu::f16));
}
