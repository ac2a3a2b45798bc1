#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tensor/shape.hpp>

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

TEST_CASE("shape: rank, extents and count") {
  const tulu::shape matrix{3, 4};
  CHECK(matrix.rank() == 2);
  CHECK(matrix[1] == 4);
  CHECK(matrix.count() == 12);
  CHECK(tulu::shape{}.rank() == 0);
  CHECK(tulu::shape{}.count() == 1);
}

TEST_CASE("shape: one axis from a vector and from a list of one are the same") {
  CHECK(tulu::shape{std::vector<std::size_t>{5}} == tulu::shape{5});
  CHECK_FALSE(tulu::shape{5} == tulu::shape{5, 1});
}

TEST_CASE("shape: a count that does not fit is none, a zero anywhere makes it zero") {
  CHECK_FALSE(tulu::shape{most, 2}.count().has_value());
  CHECK(tulu::shape{most, 1}.count() == most);
  CHECK(tulu::shape{most, 2, 0}.count() == 0);
}

TEST_CASE("shape: as text") {
  CHECK(tulu::to_string(tulu::shape{}) == "[]");
  CHECK(tulu::to_string(tulu::shape{7}) == "[7]");
  CHECK(tulu::to_string(tulu::shape{32000, 4096}) == "[32000, 4096]");
}
