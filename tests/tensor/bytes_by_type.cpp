#include <doctest/doctest.h>

#include <tulu/tensor/bytes_by_type.hpp>

using tulu::dtype;

TEST_CASE("bytes_by_type: the type with most bytes, the first of equals, F32 of nothing") {
  tulu::bytes_by_type bytes;
  CHECK(bytes.most() == dtype::f32);
  bytes.add(dtype::bf16, 0);
  CHECK(bytes.most() == dtype::f32);
  bytes.add(dtype::iq4_nl, 5);
  CHECK(bytes.most() == dtype::iq4_nl);
  bytes.add(dtype::f16, 3);
  bytes.add(dtype::f16, 2);
  CHECK(bytes.most() == dtype::f16);
  bytes.add(dtype::iq4_nl, 1);
  CHECK(bytes.most() == dtype::iq4_nl);
}
