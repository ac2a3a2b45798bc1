#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kv_scene.hpp"

namespace {

using tulu::dtype;
using tulu::test::kv_panels;

std::vector<float> normal_row(std::size_t size, unsigned seed) {
  std::mt19937 generator{seed};
  std::normal_distribution<float> normal;
  std::vector<float> row(size);
  for (float& value : row) value = normal(generator);
  return row;
}

/// By how much an element of a row may be off.
double tolerance(dtype type, const std::vector<float>& row, float value) {
  if (type == dtype::f32) return 0;
  if (type == dtype::f16) return std::abs(static_cast<double>(value)) * 0x1p-11 + 0x1p-25;
  if (type == dtype::bf16) return std::abs(static_cast<double>(value)) * 0x1p-8;
  float largest = 0;
  for (const float each : row) largest = std::max(largest, std::abs(each));
  return static_cast<double>(largest) / 254 * (1 + 0x1p-15);
}

}  // namespace

TEST_CASE("keys and values are rounded to the nearest, in their places, and nothing else is written") {
  for (const auto* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::cache_types)
      for (const std::size_t size : {2U, 10U, 16U, 34U, 64U, 80U, 130U}) {
        INFO(std::string{table->backend}, " ", std::string{tulu::name(type)}, " head_dim ", size);
        const std::size_t stride = (size + 15) / 16 * 16;
        kv_panels panels{type, size, 40};
        for (const std::size_t position : {0U, 15U, 16U, 35U}) {
          const auto key = normal_row(size, static_cast<unsigned>(position)), value = normal_row(size, 99);
          panels.store(*table, position, key.data(), value.data());
          bool near = true, zero = true, exact = true;
          for (std::size_t d = 0; d < size; ++d) {
            near =
                near && std::abs(panels.key(position, d) - static_cast<double>(key[d])) <= tolerance(type, key, key[d]);
            near = near && std::abs(panels.value(position, d) - static_cast<double>(value[d])) <=
                               tolerance(type, value, value[d]);
            if (type == dtype::f16)
              exact = exact && panels.key(position, d) == static_cast<double>(to_float(tulu::to_f16(key[d])));
          }
          for (std::size_t d = size; d < stride; ++d) zero = zero && panels.value(position, d) == 0;
          CHECK(near);
          CHECK(zero);
          CHECK(exact);
        }
        bool untouched = true;
        for (const std::size_t position : {1U, 14U, 17U, 34U, 36U, 47U})
          for (std::size_t d = 0; d < size; ++d)
            untouched = untouched && std::isnan(panels.key(position, d)) && std::isnan(panels.value(position, d));
        CHECK(untouched);
      }
}

TEST_CASE("rows of zeros, tiny and non-finite numbers in q8_0") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const auto* table : tulu::test::usable_models()) {
    INFO(std::string{table->backend});
    kv_panels panels{dtype::q8_0, 20, 16};
    const auto store = [&](std::size_t position, float first) {
      std::vector<float> row(20, std::abs(first) < 1e-30F ? 0.0F : 1.0F);
      row[17] = first;
      panels.store(*table, position, row.data(), row.data());
    };
    store(0, 0);
    store(1, 1e-38F);
    store(2, 3e38F);
    store(3, infinity);
    store(4, NAN);
    store(5, -127);
    for (std::size_t d = 0; d < 20; ++d) {
      CHECK(panels.key(0, d) == 0);
      CHECK(panels.value(1, d) == 0);
      CHECK(std::isnan(panels.key(3, d)));
      CHECK(std::isnan(panels.value(4, d)));
      CHECK(panels.value(5, d) == (d == 17 ? -127 : 1));
    }
    CHECK(panels.key(2, 17) == doctest::Approx(3e38).epsilon(1e-6));
  }
}
