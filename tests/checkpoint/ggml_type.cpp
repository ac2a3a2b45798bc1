#include <cstdint>

#include <doctest/doctest.h>

#include <tulu/checkpoint/ggml_type.hpp>

namespace checkpoint = tulu::checkpoint;
using tulu::dtype;

TEST_CASE("ggml_type: the table is in the order of the numbers") {
  for (std::uint32_t i = 0; i < checkpoint::ggml_types.size(); ++i) CHECK(checkpoint::ggml_types[i].number == i);
}

TEST_CASE("ggml_type: numbers and dtypes, both ways") {
  int known = 0;
  for (const auto& row : checkpoint::ggml_types) {
    if (!row.type) continue;
    ++known;
    CHECK(checkpoint::dtype_from_ggml(row.number) == row.type);
    CHECK(checkpoint::ggml_number(*row.type) == row.number);
    CHECK(row.name == tulu::name(*row.type));
  }
  CHECK(known == 17);
  CHECK(checkpoint::dtype_from_ggml(2) == dtype::q4_0);
  CHECK(checkpoint::dtype_from_ggml(14) == dtype::q6_k);
  CHECK(checkpoint::dtype_from_ggml(30) == dtype::bf16);
  CHECK_FALSE(checkpoint::dtype_from_ggml(10).has_value());
  CHECK_FALSE(checkpoint::dtype_from_ggml(40).has_value());
  CHECK_FALSE(checkpoint::dtype_from_ggml(0xffffffff).has_value());
  CHECK_FALSE(checkpoint::ggml_number(dtype::boolean).has_value());
}

TEST_CASE("ggml_type: every type has a name in messages") {
  CHECK(checkpoint::describe_ggml_type(10) == "Q2_K (type 10)");
  CHECK(checkpoint::describe_ggml_type(33) == "Q4_0_8_8 (removed) (type 33)");
  CHECK(checkpoint::describe_ggml_type(40) == "type 40");
}
