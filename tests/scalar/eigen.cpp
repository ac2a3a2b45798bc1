#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include <doctest/doctest.h>

#include <tulu/scalar/eigen.hpp>

static_assert(std::is_same_v<tulu::eigen_scalar_t<tulu::f16>, Eigen::half>);
static_assert(std::is_same_v<tulu::eigen_scalar_t<const tulu::bf16>, const Eigen::bfloat16>);
static_assert(std::is_same_v<tulu::eigen_scalar_t<float>, float>);

TEST_CASE("Eigen reads every 16-bit code as tulu does") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    const auto bits = static_cast<std::uint16_t>(code);
    const float half = tulu::to_float(tulu::f16{bits}), brain = tulu::to_float(tulu::bf16{bits});
    const auto eigen_half = static_cast<float>(std::bit_cast<tulu::eigen_scalar_t<tulu::f16>>(tulu::f16{bits}));
    const auto eigen_brain = static_cast<float>(std::bit_cast<tulu::eigen_scalar_t<tulu::bf16>>(tulu::bf16{bits}));
    wrong += std::isnan(half) ? !std::isnan(eigen_half) : half != eigen_half;
    wrong += std::isnan(brain) ? !std::isnan(eigen_brain) : brain != eigen_brain;
  }
  CHECK(wrong == 0);
}
