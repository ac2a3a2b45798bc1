#include <cstddef>

#include <doctest/doctest.h>

#include <tulu/simd/backend.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/simd/portable.hpp>

static_assert(tulu::simd::backend<tulu::simd::portable>);
static_assert(tulu::simd::backend<tulu::simd::native>);
static_assert(!tulu::simd::backend<float> && !tulu::simd::backend_for<tulu::simd::portable, double>);

TEST_CASE("the native backend adds and subtracts every lane") {
  using backend = tulu::simd::native;
  float a[backend::lanes], b[backend::lanes], sum[backend::lanes];
  tulu::f16 difference[backend::lanes];
  for (std::size_t i = 0; i < backend::lanes; ++i)
    a[i] = static_cast<float>(i) + 0.5f, b[i] = 2 * static_cast<float>(i);
  backend::store(sum, backend::add(backend::load(a), backend::load(b)));
  backend::store(difference, backend::sub(backend::load(a), backend::load(b)));
  for (std::size_t i = 0; i < backend::lanes; ++i) {
    CHECK(sum[i] == a[i] + b[i]);
    CHECK(difference[i] == tulu::to_f16(a[i] - b[i]));
  }
}
