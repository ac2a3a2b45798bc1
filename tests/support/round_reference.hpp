#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace tulu::test {

/// A binary format of 1 sign bit, `exponent_bits` and `fraction_bits`, by the definition of IEEE 754 and in double.
struct small_format {
  int exponent_bits;
  int fraction_bits;

  [[nodiscard]] int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  [[nodiscard]] std::uint32_t infinity() const { return ((1u << exponent_bits) - 1) << fraction_bits; }

  /// The value of a finite code.
  [[nodiscard]] double value(std::uint32_t code) const {
    const std::uint32_t fraction = code & ((1u << fraction_bits) - 1);
    const auto exponent = static_cast<int>((code >> fraction_bits) & ((1u << exponent_bits) - 1));
    const double magnitude = exponent == 0
                                 ? std::ldexp(fraction, 1 - bias() - fraction_bits)
                                 : std::ldexp((1u << fraction_bits) + fraction, exponent - bias() - fraction_bits);
    return (code >> (exponent_bits + fraction_bits)) != 0 ? -magnitude : magnitude;
  }

  /// The code nearest to a number, ties to even; beyond the largest finite number by half a unit, infinity.
  [[nodiscard]] std::uint32_t code(double number) const {
    const std::uint32_t sign = std::signbit(number) ? 1u << (exponent_bits + fraction_bits) : 0;
    const double magnitude = std::fabs(number);
    if (std::isinf(magnitude)) return sign | infinity();
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    const int unit = std::max(exponent - 1, 1 - bias()) - fraction_bits;
    const double steps = std::nearbyint(std::ldexp(magnitude, -unit));  // exact scaling, one rounding
    const double rounded = std::ldexp(steps, unit);
    if (rounded >= std::ldexp(1.0, bias() + 1)) return sign | infinity();
    std::uint32_t low = 0, high = infinity() - 1;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (value(middle) < rounded) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return sign | low;
  }
};

/// A row of scalar.txt: a float's bits and what torch makes of it.
struct torch_row {
  std::uint32_t f32;
  std::uint32_t f16;
  std::uint32_t bf16;
};

inline std::vector<torch_row> read_torch_rows(const std::string& path) {
  std::ifstream in{path};
  std::vector<torch_row> rows;
  torch_row row{};
  while (in >> std::hex >> row.f32 >> row.f16 >> row.bf16) rows.push_back(row);
  return rows;
}

}  // namespace tulu::test
