#include <array>
#include <numeric>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/tensor/matrix_view.hpp>

using tulu::dtype;
using tulu::test::message_of;

namespace {

std::array<float, 6> counting() {
  std::array<float, 6> values{};
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

}  // namespace

TEST_CASE("matrix_view: as shows a matrix, a vector as one row and a scalar as one element") {
  const auto values = counting();
  const auto bytes = std::as_bytes(std::span{values});
  const auto matrix = tulu::as<float>({dtype::f32, {2, 3}, bytes});
  CHECK(matrix.rows == 2);
  CHECK(matrix.columns == 3);
  CHECK(matrix.stride == 3);
  CHECK(matrix(1, 2) == 5.0F);
  CHECK(matrix.row(1)[0] == 3.0F);
  CHECK(matrix.row(1).size() == 3);
  const auto vector = tulu::as<float>({dtype::f32, {6}, bytes});
  CHECK(vector.rows == 1);
  CHECK(vector.row(0).size() == 6);
  const auto scalar = tulu::as<float>({dtype::f32, {}, bytes.first(4)});
  CHECK(scalar.rows == 1);
  CHECK(scalar.columns == 1);
}

TEST_CASE("matrix_view: as refuses another dtype and more than two axes, by the tensor's name") {
  const auto values = counting();
  const auto bytes = std::as_bytes(std::span{values});
  CHECK(message_of([&] {
          static_cast<void>(tulu::as<tulu::bf16>({dtype::f16, {2, 6}, bytes}, "lm_head.weight"));
        }) == "lm_head.weight: expected BF16 in at most two axes, found F16 [2, 6]");
  CHECK(message_of([&] {
          static_cast<void>(tulu::as<float>({dtype::f32, {1, 2, 3}, bytes}));
        }) == "tensor: expected F32 in at most two axes, found F32 [1, 2, 3]");
}

TEST_CASE("matrix_view: parts keep the stride and a mutable view becomes a const one") {
  auto values = counting();
  const tulu::matrix_view<float> whole{values.data(), 2, 3, 3};
  const auto right = whole.columns_from(1, 2);
  CHECK(right(1, 0) == 4.0F);
  CHECK(right.stride == 3);
  const auto lower = whole.rows_from(1, 1);
  CHECK(lower.rows == 1);
  CHECK(lower(0, 2) == 5.0F);
  right(0, 1) = 9.0F;
  CHECK(values[2] == 9.0F);
  const tulu::matrix_view<const float> readable = whole;
  CHECK(readable(0, 2) == 9.0F);
}
