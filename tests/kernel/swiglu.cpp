#include <cmath>
#include <cstddef>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/swiglu.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

/// exp is within 2 units in the last place, and one sum, one quotient and one product are rounded. Where exp leaves the
/// range of a float, the result may be zero instead of something below 1e-36.
double bound(double wanted, double up) {
  return std::abs(wanted) * unit * 8 + 1e-36 * (1 + std::abs(up));
}

}  // namespace

TEST_CASE("gated activations are those of double precision within their bound for every size") {
  for (const model_table* table : tulu::test::usable_models()) {
    worst_ratio worst;
    for (std::size_t n = 0; n <= 70; ++n)
      for (const float size : {0.01F, 2.0F, 30.0F}) {
        std::mt19937 generator{static_cast<unsigned>(n)};
        elements gate{dtype::f32, n, n % 4}, up{dtype::f32, n, n % 3}, before{dtype::f32, n};
        gate.fill_normal(generator, size);
        up.fill_normal(generator);
        for (std::size_t i = 0; i < n; ++i) before.set(i, static_cast<float>(gate[i]));
        table->swiglu(gate.floats(), up.floats(), n);
        for (std::size_t i = 0; i < n; ++i) {
          const double wanted = before[i] / (1 + std::exp(-before[i])) * up[i];
          worst.see(gate[i], wanted, bound(wanted, up[i]));
        }
      }
    INFO(std::string{table->backend});
    CHECK(worst.value() <= 1);
  }
}

TEST_CASE("activations far from zero are their limits, and NaN stays") {
  constexpr float extremes[] = {-1e30F, -1000, -200, -104, -89, -88, -87, -0.0F, 0, 87, 88, 89, 104, 200, 1000, 1e30F};
  constexpr std::size_t n = std::size(extremes);
  for (const model_table* table : tulu::test::usable_models()) {
    elements gate{dtype::f32, n}, up{dtype::f32, n};
    up.fill(2);
    for (std::size_t i = 0; i < n; ++i) gate.set(i, extremes[i]);
    table->swiglu(gate.floats(), up.floats(), n);
    for (std::size_t i = 0; i < n; ++i) {
      INFO(std::string{table->backend}, " silu of ", extremes[i], " is ", gate[i]);
      const double x = static_cast<double>(extremes[i]), wanted = 2 * x / (1 + std::exp(-x));
      CHECK(std::abs(gate[i] - wanted) <= bound(wanted, 2));
    }
    gate.fill(NAN);
    table->swiglu(gate.floats(), up.floats(), n);
    CHECK(std::isnan(gate[0]));
  }
}
