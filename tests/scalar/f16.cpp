#include <bit>
#include <cmath>
#include <cstdint>

#include <doctest/doctest.h>

#include "support/round_reference.hpp"
#include <tulu/scalar/f16.hpp>

namespace {

constexpr tulu::test::small_format format{5, 10};

bool is_nan(std::uint32_t code) {
  return (code & 0x7fff) > format.infinity();
}

}  // namespace

TEST_CASE("every finite f16 code becomes the float of its value and comes back") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    if ((code & 0x7fff) >= format.infinity()) continue;
    const float value = tulu::to_float(tulu::f16{static_cast<std::uint16_t>(code)});
    wrong += static_cast<double>(value) != format.value(code) || std::signbit(value) != (code >= 0x8000);
    wrong += tulu::to_f16(value).bits != code;
  }
  CHECK(wrong == 0);
}

TEST_CASE("every float is rounded to the nearest f16, ties to even") {
  constexpr std::uint64_t stride = 9973;
  int wrong = 0;
  for (std::uint64_t at = 0; at < 0x100000000; at += stride) {
    const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(at));
    if (std::isnan(number)) continue;
    wrong += tulu::to_f16(number).bits != format.code(static_cast<double>(number));
  }
  CHECK(wrong == 0);
}

TEST_CASE("halfway between two f16 codes the even one is taken, next to it the nearer one") {
  int wrong = 0;
  for (std::uint32_t code = 0; code + 1 < format.infinity(); ++code) {
    const auto middle = static_cast<float>((format.value(code) + format.value(code + 1)) / 2);
    const std::uint32_t even = code + (code & 1);
    wrong += tulu::to_f16(middle).bits != even;
    wrong += tulu::to_f16(-middle).bits != (even | 0x8000);
    wrong += tulu::to_f16(std::nextafter(middle, 0.0f)).bits != code;
    wrong += tulu::to_f16(std::nextafter(middle, HUGE_VALF)).bits != code + 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("infinities and NaNs stay what they are in f16") {
  CHECK(tulu::to_f16(HUGE_VALF).bits == format.infinity());
  CHECK(tulu::to_f16(-HUGE_VALF).bits == (format.infinity() | 0x8000));
  CHECK(tulu::to_float(tulu::f16{static_cast<std::uint16_t>(format.infinity())}) == HUGE_VALF);
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    if (!is_nan(code)) continue;
    const float nan = tulu::to_float(tulu::f16{static_cast<std::uint16_t>(code)});
    REQUIRE(std::isnan(nan));
    REQUIRE(std::signbit(nan) == (code >= 0x8000));
    REQUIRE(is_nan(tulu::to_f16(nan).bits));
  }
}

TEST_CASE("floats become the f16 bits that torch gives, NaNs included") {
  const auto rows = tulu::test::read_torch_rows(TULU_TEST_DATA "/scalar.txt");
  REQUIRE(rows.size() > 200);
  for (const auto& row : rows) {
    CAPTURE(row.f32);
    CHECK(tulu::to_f16(std::bit_cast<float>(row.f32)).bits == row.f16);
  }
}

TEST_CASE("a signalling f16 NaN becomes a quiet float with the same payload") {
  CHECK(std::bit_cast<std::uint32_t>(tulu::to_float(tulu::f16{0x7c01})) == 0x7fc02000);
  CHECK(std::bit_cast<std::uint32_t>(tulu::to_float(tulu::f16{0xfe12})) == 0xffc24000);
}

static_assert(tulu::to_f16(65519.0f).bits == 0x7bff && tulu::to_f16(65520.0f).bits == 0x7c00);
