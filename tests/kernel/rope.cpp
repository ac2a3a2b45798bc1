#include <cmath>
#include <cstddef>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/rope.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

}  // namespace

TEST_CASE("heads are rotated as in double precision, each by the same angles, for every head size") {
  for (const model_table* table : tulu::test::usable_models()) {
    worst_ratio worst;
    for (std::size_t head_dim = 2; head_dim <= 256; head_dim += head_dim < 70 ? 2 : 62)
      for (const std::size_t heads : {0U, 1U, 3U}) {
        const std::size_t half = head_dim / 2;
        std::mt19937 generator{static_cast<unsigned>(head_dim)};
        elements x{dtype::f32, heads * head_dim, heads}, cosines{dtype::f32, half, 1}, sines{dtype::f32, half, 1};
        x.fill_normal(generator);
        for (std::size_t i = 0; i < half; ++i) {
          const auto angle = static_cast<float>(7 * i + 1);
          cosines.set(i, std::cos(angle));
          sines.set(i, std::sin(angle));
        }
        elements before{dtype::f32, heads * head_dim};
        for (std::size_t i = 0; i < heads * head_dim; ++i) before.set(i, static_cast<float>(x[i]));
        table->rotate(x.floats(), heads, head_dim, cosines.floats(), sines.floats());
        for (std::size_t head = 0; head < heads * head_dim; head += head_dim)
          for (std::size_t i = 0; i < half; ++i) {
            const double a = before[head + i], b = before[head + half + i], c = cosines[i], s = sines[i];
            // Two products and their sum, each rounded once.
            worst.see(x[head + i], a * c - b * s, unit * 2.001 * (std::abs(a * c) + std::abs(b * s)));
            worst.see(x[head + half + i], b * c + a * s, unit * 2.001 * (std::abs(b * c) + std::abs(a * s)));
          }
      }
    INFO(std::string{table->backend});
    CHECK(worst.value() <= 1);
  }
}

TEST_CASE("no angle leaves a head as it is, a quarter turn exchanges its halves") {
  for (const model_table* table : tulu::test::usable_models()) {
    elements x{dtype::f32, 6}, zero{dtype::f32, 3}, one{dtype::f32, 3};
    one.fill(1);
    for (std::size_t i = 0; i < 6; ++i) x.set(i, static_cast<float>(i + 1));
    table->rotate(x.floats(), 1, 6, one.floats(), zero.floats());
    for (std::size_t i = 0; i < 6; ++i) CHECK(x[i] == static_cast<double>(i + 1));
    table->rotate(x.floats(), 1, 6, zero.floats(), one.floats());
    const double turned[] = {-4, -5, -6, 1, 2, 3};
    for (std::size_t i = 0; i < 6; ++i) CHECK(x[i] == turned[i]);
  }
}
