#include <array>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/tensor/eigen.hpp>

using tulu::dtype;
using tulu::test::message_of;

TEST_CASE("as_eigen: a matrix where it lies, row-major") {
  const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  const auto matrix = tulu::as_eigen<float>({dtype::f32, {2, 3}, std::as_bytes(std::span{values})});
  CHECK(matrix.data() == values.data());
  CHECK(matrix.rows() == 2);
  CHECK(matrix.cols() == 3);
  CHECK(matrix(1, 0) == 4.0F);
  const Eigen::Vector2f product = matrix * Eigen::Vector3f{1, 10, 100};
  CHECK(product == Eigen::Vector2f{321, 654});
}

TEST_CASE("as_eigen: a vector is one column, a scalar a matrix of one, an empty tensor an empty matrix") {
  const std::array<float, 3> values{1, 2, 3};
  const auto bytes = std::as_bytes(std::span{values});
  const auto vector = tulu::as_eigen<float>({dtype::f32, {3}, bytes});
  CHECK(vector.rows() == 3);
  CHECK(vector.cols() == 1);
  CHECK(vector.sum() == 6.0F);
  CHECK(tulu::as_eigen<float>({dtype::f32, {}, bytes.first(4)}).size() == 1);
  const auto empty = tulu::as_eigen<float>({dtype::f32, {0, 3}, {}});
  CHECK(empty.rows() == 0);
  CHECK(empty.cols() == 3);
}

TEST_CASE("as_eigen: bf16 and f16 are Eigen's own types with the same values") {
  const std::array<tulu::bf16, 2> bf16s{tulu::to_bf16(1.5F), tulu::to_bf16(-2.0F)};
  const auto as_bf16 = tulu::as_eigen<tulu::bf16>({dtype::bf16, {1, 2}, std::as_bytes(std::span{bf16s})});
  static_assert(std::is_same_v<decltype(as_bf16)::Scalar, Eigen::bfloat16>);
  CHECK(as_bf16.cast<float>()(0, 0) == 1.5F);
  CHECK(as_bf16.cast<float>()(0, 1) == -2.0F);
  const std::array<tulu::f16, 2> f16s{tulu::to_f16(1.5F), tulu::to_f16(-2.0F)};
  const auto as_f16 = tulu::as_eigen<tulu::f16>({dtype::f16, {2}, std::as_bytes(std::span{f16s})});
  static_assert(std::is_same_v<decltype(as_f16)::Scalar, Eigen::half>);
  CHECK(as_f16.cast<float>().sum() == -0.5F);
}

TEST_CASE("as_eigen: another dtype and more than two axes are refused by the tensor's name") {
  const std::array<float, 6> values{};
  const auto bytes = std::as_bytes(std::span{values});
  CHECK(message_of([&] {
          static_cast<void>(tulu::as_eigen<tulu::f16>({dtype::f32, {6}, bytes}, "w"));
        }) == "w: expected F16 in at most two axes, found F32 [6]");
  CHECK(message_of([&] {
          static_cast<void>(tulu::as_eigen<float>({dtype::f32, {1, 2, 3}, bytes}, "w"));
        }).starts_with("w: expected F32"));
}
