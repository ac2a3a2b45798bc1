#include <array>
#include <limits>

#include <doctest/doctest.h>

#include <tulu/core/checked.hpp>

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

TEST_CASE("checked_add: up to the largest number, not beyond") {
  static_assert(tulu::checked_add(2, 3) == 5);
  CHECK(tulu::checked_add(most, 0) == most);
  CHECK(tulu::checked_add(most - 1, 1) == most);
  CHECK_FALSE(tulu::checked_add(most, 1).has_value());
  CHECK_FALSE(tulu::checked_add(1, most).has_value());
  CHECK_FALSE(tulu::checked_add(most, most).has_value());
}

TEST_CASE("checked_mul: up to the largest number, not beyond") {
  static_assert(tulu::checked_mul(4, 5) == 20);
  CHECK(tulu::checked_mul(most, 1) == most);
  CHECK(tulu::checked_mul(most, 0) == 0);
  CHECK(tulu::checked_mul(0, most) == 0);
  CHECK(tulu::checked_mul(most / 2, 2) == most - 1);
  CHECK_FALSE(tulu::checked_mul(most / 2 + 1, 2).has_value());
  CHECK_FALSE(tulu::checked_mul(std::size_t{1} << 32, std::size_t{1} << 32).has_value());
}

TEST_CASE("checked_product: none is one, a zero anywhere is zero, overflow is nothing") {
  CHECK(tulu::checked_product({}) == 1);
  CHECK(tulu::checked_product(std::array<std::size_t, 3>{2, 3, 4}) == 24);
  CHECK(tulu::checked_product(std::array<std::size_t, 3>{most, 2, 0}) == 0);
  CHECK_FALSE(tulu::checked_product(std::array<std::size_t, 3>{2, most, 1}).has_value());
}
