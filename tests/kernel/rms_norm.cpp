#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/rms_norm.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

double root_of(const elements& x, double epsilon) {
  double squares = 0;
  for (std::size_t i = 0; i < x.count(); ++i) squares += x[i] * x[i];
  return std::sqrt(squares / static_cast<double>(x.count()) + epsilon);
}

}  // namespace

TEST_CASE("RMSNorm is that of double precision within its bound, into another vector and into its own") {
  // The sum of n positive squares is off by at most (n + 1) u, its root by half of that; five more operations.
  for (const model_table* table : tulu::test::usable_models()) {
    worst_ratio worst;
    bool same = true;
    for (std::size_t n = 1; n <= 100; ++n)
      for (const float size : {1e-4F, 1.0F, 3e4F})
        for (const float epsilon : {1e-6F, 1e-5F}) {
          std::mt19937 generator{static_cast<unsigned>(n)};
          elements x{dtype::f32, n, n % 4}, weight{dtype::f32, n, n % 3}, out{dtype::f32, n, 1};
          x.fill_normal(generator, size);
          weight.fill_normal(generator);
          table->rms_norm(x.floats(), weight.floats(), n, epsilon, out.floats());
          const double root = root_of(x, static_cast<double>(epsilon));
          for (std::size_t i = 0; i < n; ++i) {
            const double wanted = weight[i] * x[i] / root;
            worst.see(out[i], wanted, std::abs(wanted) * unit * (static_cast<double>(n + 1) / 2 + 5));
          }
          table->rms_norm(x.floats(), weight.floats(), n, epsilon, x.floats());
          same = same && std::memcmp(x.data(), out.data(), n * sizeof(float)) == 0;
        }
    INFO(std::string{table->backend});
    CHECK(worst.value() <= 1);
    CHECK(same);
  }
}

TEST_CASE("RMSNorm of zeros is zero") {
  for (const model_table* table : tulu::test::usable_models()) {
    elements x{dtype::f32, 19}, weight{dtype::f32, 19}, out{dtype::f32, 19};
    weight.fill(3);
    out.fill(NAN);
    table->rms_norm(x.floats(), weight.floats(), 19, 1e-6F, out.floats());
    for (std::size_t i = 0; i < 19; ++i) CHECK(out[i] == 0);
  }
}
