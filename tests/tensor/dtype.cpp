#include <doctest/doctest.h>

#include <tulu/tensor/dtype.hpp>

using tulu::dtype;

TEST_CASE("dtype: the table is in the order of the enumeration and every name leads back") {
  for (std::size_t i = 0; i < tulu::dtypes.size(); ++i) {
    const dtype type = tulu::dtypes[i].type;
    CHECK(static_cast<std::size_t>(type) == i);
    const bool block = tulu::is_block_type(type);
    CHECK(block == (type >= dtype::q4_0));
    CHECK(tulu::dtype_from_safetensors(tulu::name(type)).has_value() != block);
    CHECK(tulu::dtype_from_torch(tulu::traits(type).torch).has_value() != block);
    CHECK(tulu::block_dtype(tulu::traits(type).torch).has_value() == block);
    CHECK((block ? tulu::block_dtype(tulu::traits(type).torch) : tulu::dtype_from_safetensors(tulu::name(type))) ==
          type);
    if (!block) CHECK(tulu::dtype_from_torch(tulu::traits(type).torch) == type);
  }
}

TEST_CASE("dtype: sizes") {
  CHECK(tulu::size_of(dtype::boolean) == 1);
  CHECK(tulu::size_of(dtype::bf16) == 2);
  CHECK(tulu::size_of(dtype::f16) == 2);
  CHECK(tulu::size_of(dtype::f32) == 4);
  CHECK(tulu::size_of(dtype::i64) == 8);
  CHECK(tulu::size_of(dtype::f64) == 8);
  CHECK(tulu::bytes_of(dtype::f64, 3) == 24);
  CHECK(tulu::bytes_of(dtype::q8_0, 64) == 68);
  CHECK(tulu::bytes_of(dtype::q6_k, 4096) == 16 * 210);
  CHECK(tulu::alignment_of(dtype::q4_k) == 2);
}

TEST_CASE("dtype: names are exact and not mixed up") {
  CHECK(tulu::dtype_from_safetensors("BF16") == dtype::bf16);
  CHECK(tulu::dtype_from_torch("bfloat16") == dtype::bf16);
  for (const char* text : {"", "bf16", "F8_E4M3", "float32", "F3", "F322"})
    CHECK_FALSE(tulu::dtype_from_safetensors(text).has_value());
  for (const char* text : {"", "torch.float16", "half", "F16"}) CHECK_FALSE(tulu::dtype_from_torch(text).has_value());
}

TEST_CASE("dtype: recover adds the three floating types of weights") {
  for (const auto& row : tulu::dtypes)
    CHECK(tulu::is_summable(row.type) == (row.type == dtype::f16 || row.type == dtype::bf16 || row.type == dtype::f32));
}

TEST_CASE("dtype: a model computes with the summable types and with blocks") {
  for (const auto& row : tulu::dtypes)
    CHECK(tulu::is_weight_type(row.type) == (tulu::is_summable(row.type) || row.block > 1));
}
