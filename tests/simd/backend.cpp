#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <support/backend_operations.hpp>

#include <tulu/kernel/dispatch.hpp>
#include <tulu/simd/backend.hpp>
#include <tulu/simd/eigen.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/simd/portable.hpp>

static_assert(tulu::simd::dot_backend<tulu::simd::portable>);
static_assert(tulu::simd::dot_backend<tulu::simd::native>);
static_assert(tulu::simd::dot_backend<tulu::simd::eigen>);
static_assert(!tulu::simd::backend<float> && !tulu::simd::backend_for<tulu::simd::portable, double>);

namespace tulu::test {

#if defined(__x86_64__)
const operation_table& operations_sse4_2() noexcept;
const operation_table& operations_avx2() noexcept;
const operation_table& operations_avx2_vnni() noexcept;
const operation_table& operations_avx512() noexcept;
const operation_table& operations_avx512_vnni_bf16() noexcept;
const operation_table& operations_avx512_amx() noexcept;
#elif defined(__aarch64__)
const operation_table& operations_neon64() noexcept;
const operation_table& operations_neon64_dotprod() noexcept;
#endif
const operation_table& operations_portable() noexcept;
const operation_table& operations_eigen() noexcept;

}  // namespace tulu::test

namespace {

using tulu::bf16;
using tulu::test::operation_table;

constexpr std::size_t largest_lanes = 16;

/// Of the backends that this processor can run.
std::vector<const operation_table*> tables() {
  const operation_table* const all[] = {
#if defined(__x86_64__)
    &tulu::test::operations_sse4_2(),
    &tulu::test::operations_avx2(),
    &tulu::test::operations_avx2_vnni(),
    &tulu::test::operations_avx512(),
    &tulu::test::operations_avx512_vnni_bf16(),
    &tulu::test::operations_avx512_amx(),
#elif defined(__aarch64__)
    &tulu::test::operations_neon64(),
    &tulu::test::operations_neon64_dotprod(),
#endif
    &tulu::test::operations_eigen(),
    &tulu::test::operations_portable()
  };
  std::vector<const operation_table*> found;
  for (const auto* backend : tulu::kernel::usable_backends(tulu::detect_cpu()))
    for (const operation_table* table : all)
      if (std::string_view{table->name} == backend->name) found.push_back(table);
  return found;
}

std::vector<float> random_floats(std::size_t n, unsigned seed, float largest = 100) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<float> values{-largest, largest};
  std::vector<float> result(n);
  for (float& value : result) value = values(random);
  return result;
}

double unit_in_last_place(double value) {
  return std::ldexp(1.0, std::max(std::ilogb(value), -126) - 23);
}

template <class Element>
std::vector<Element> random_elements(std::size_t n, unsigned seed) {
  std::mt19937 random{seed};
  std::vector<Element> result(n);
  for (Element& element : result) element = static_cast<Element>(random() & 0xff);
  return result;
}

}  // namespace

TEST_CASE("every usable backend has its operations, as wide as its register") {
  const auto found = tables();
  CHECK(found.size() == tulu::kernel::usable_backends(tulu::detect_cpu()).size());
  for (const auto* table : found) {
    INFO(std::string{table->name});
    CHECK(std::has_single_bit(table->lanes));
    CHECK(table->lanes <= largest_lanes);
  }
}

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

TEST_CASE("sums, differences, products, quotients and the larger of two have the bits of C++") {
  constexpr std::size_t n = 64 * largest_lanes;
  const auto a = random_floats(n, 1), b = random_floats(n, 2);
  std::vector<float> out(n);
  for (const auto* table : tables()) {
    const auto wrong = [&](auto operation, auto expected) {
      operation(a.data(), b.data(), out.data(), n);
      std::size_t count = 0;
      for (std::size_t i = 0; i < n; ++i) count += out[i] != expected(a[i], b[i]);
      return count;
    };
    INFO(std::string{table->name});
    CHECK(wrong(table->add, [](float x, float y) { return x + y; }) == 0);
    CHECK(wrong(table->sub, [](float x, float y) { return x - y; }) == 0);
    CHECK(wrong(table->mul, [](float x, float y) { return x * y; }) == 0);
    CHECK(wrong(table->div, [](float x, float y) { return x / y; }) == 0);
    CHECK(wrong(table->max, [](float x, float y) { return std::max(x, y); }) == 0);
  }
}

TEST_CASE("fma rounds once with AVX2 or later, else once or twice") {
  constexpr std::size_t n = 64 * largest_lanes;
  const auto a = random_floats(n, 3), b = random_floats(n, 4), c = random_floats(n, 5, 10000);
  std::vector<float> out(n);
  for (const auto* table : tables()) {
    table->fma(a.data(), b.data(), c.data(), out.data(), n);
    const std::string name = table->name;
    const bool once = name.starts_with("avx");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float fused = std::fma(a[i], b[i], c[i]), product = a[i] * b[i];
      wrong += out[i] != fused && (once || out[i] != product + c[i]);
    }
    INFO(name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("exp is within two units in the last place") {
  std::vector<float> in;
  for (float x = -87; x <= 88; x += 0.00171f) in.push_back(x);
  for (float x = 1; x > 1e-9f; x *= 0.93f) in.push_back(x), in.push_back(-x);
  in.push_back(0);
  in.resize((in.size() + largest_lanes - 1) / largest_lanes * largest_lanes, -0.0f);
  std::vector<float> out(in.size());
  for (const auto* table : tables()) {
    table->exp(in.data(), out.data(), in.size());
    double worst = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double exact = std::exp(static_cast<double>(in[i]));
      worst = std::max(worst, std::abs(static_cast<double>(out[i]) - exact) / unit_in_last_place(exact));
    }
    INFO(std::string{table->name});
    CHECK(worst <= 2);
    CHECK(worst > 0);
  }
}

TEST_CASE("exp of what is far away is 0 or infinite, and of no number none") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::array<float, largest_lanes> in{-infinity, -FLT_MAX, -1e9f, -1000, -120, -104.5f, -90,   -87.4f,
                                      infinity,  FLT_MAX,  1e9f,  1000,  120,  89,      88.5f, std::nanf("")};
  std::array<float, largest_lanes> out{};
  for (const auto* table : tables()) {
    table->exp(in.data(), out.data(), in.size());
    INFO(std::string{table->name});
    for (std::size_t i = 0; i < 6; ++i) CHECK(out[i] == 0);
    for (std::size_t i = 6; i < 8; ++i) CHECK((out[i] >= 0 && out[i] <= FLT_MIN));
    for (std::size_t i = 8; i < 14; ++i) CHECK(out[i] == infinity);
    CHECK(out[14] >= 1.6e38f);
    CHECK(std::isnan(out[15]));
  }
}

TEST_CASE("the sum of a register has every lane once") {
  for (const auto* table : tables()) {
    INFO(std::string{table->name});
    const std::size_t lanes = table->lanes;
    std::array<float, largest_lanes> in{};
    float out = 0;
    for (std::size_t i = 0; i < lanes; ++i) {
      in.fill(0);
      in[i] = 3;
      table->sum(in.data(), &out, lanes);
      CHECK(out == 3);
      in[i] = std::nanf("");
      table->sum(in.data(), &out, lanes);
      CHECK(std::isnan(out));
    }
    const auto values = random_floats(lanes, 6);
    double exact = 0, size = 0;
    for (const float value : values) exact += static_cast<double>(value), size += static_cast<double>(std::abs(value));
    table->sum(values.data(), &out, lanes);
    CHECK(std::abs(static_cast<double>(out) - exact) <= size * static_cast<double>(lanes) * 0x1p-24);
  }
}

TEST_CASE("dot_bf16 adds two exact products, whichever first") {
  constexpr std::size_t n = 16 * largest_lanes;
  std::vector<bf16> a, b;
  for (const float value : random_floats(2 * n, 7)) a.push_back(tulu::to_bf16(value));
  for (const float value : random_floats(2 * n, 8)) b.push_back(tulu::to_bf16(value));
  std::vector<float> out(n), broadcast(n);
  for (const auto* table : tables()) {
    table->dot_bf16(-321.5f, a.data(), b.data(), out.data(), n);
    table->dot_bf16_pair(-321.5f, a.data(), b.data() + 2, broadcast.data(), n);
    INFO(std::string{table->name});
    const auto wrong = [&](std::size_t i, float found, const bf16* right) {
      const double first = static_cast<double>(to_float(a[2 * i])) * static_cast<double>(to_float(right[0]));
      const double second = static_cast<double>(to_float(a[2 * i + 1])) * static_cast<double>(to_float(right[1]));
      const double size = 321.5 + std::abs(first) + std::abs(second);
      return std::abs(static_cast<double>(found) - (first + second - 321.5)) > size * 0x1p-23;
    };
    std::size_t failures = 0;
    for (std::size_t i = 0; i < n; ++i)
      failures += wrong(i, out[i], b.data() + 2 * i) + wrong(i, broadcast[i], b.data() + 2);
    CHECK(failures == 0);
  }
}

TEST_CASE("dot_u8s8 is exact for all bytes and wraps") {
  constexpr std::size_t n = 256 * 256;  // every pair of bytes beside random ones, and at each of the four places
  auto u = random_elements<std::uint8_t>(4 * n, 9);
  auto s = random_elements<std::int8_t>(4 * n, 10);
  for (std::size_t i = 0; i < n; ++i) {
    u[4 * i + i % 4] = static_cast<std::uint8_t>(i >> 8);
    s[4 * i + i % 4] = static_cast<std::int8_t>(i & 0xff);
  }
  const std::array<std::uint8_t, 16> extremes_u{255, 255, 255, 255, 128, 128, 128, 128,
                                                255, 255, 255, 255, 127, 127, 127, 127};
  const std::array<std::int8_t, 16> extremes_s{127,  127,  127,  127,  -128, -128, -128, -128,
                                               -128, -128, -128, -128, -128, -128, -128, -128};
  std::copy(extremes_u.begin(), extremes_u.end(), u.begin());
  std::copy(extremes_s.begin(), extremes_s.end(), s.begin());
  std::vector<float> out(n), expected(n);
  for (const std::int32_t sum : {0, -1000, 0x7fffffff}) {
    tulu::test::operations_portable().dot_u8s8(sum, u.data(), s.data(), expected.data(), n);
    if (sum == 0) CHECK(expected[0] == 4 * 255 * 127);
    for (const auto* table : tables()) {
      table->dot_u8s8(sum, u.data(), s.data(), out.data(), n);
      INFO(std::string{table->name} << " " << sum);
      CHECK(out == expected);
    }
  }
}

TEST_CASE("dot_u7s8 is dot_u8s8 for bytes up to 127") {
  constexpr std::size_t n = 16 * largest_lanes;
  auto u = random_elements<std::uint8_t>(4 * n, 11);
  for (std::uint8_t& each : u) each = each > 200 ? 127 : each & 127;
  std::vector<float> out(n), expected(n);
  for (const std::array<std::int8_t, 4> four :
       {std::array<std::int8_t, 4>{127, 127, 127, 127}, std::array<std::int8_t, 4>{-128, -128, -128, -128},
        std::array<std::int8_t, 4>{1, -2, 33, -128}}) {
    tulu::test::operations_portable().dot_u8s8_four(u.data(), four.data(), expected.data(), n);
    for (const auto* table : tables()) {
      INFO(std::string{table->name});
      table->dot_u7s8_four(u.data(), four.data(), out.data(), n);
      CHECK(out == expected);
    }
  }
}

TEST_CASE("products of words are exact for all bytes") {
  constexpr std::size_t n = 4 * 256 * 256;  // every byte with every factor, at each of the four places
  auto u = random_elements<std::uint8_t>(4 * n, 12);
  std::vector<std::int8_t> factors(n);
  for (std::size_t i = 0; i < n; ++i) {
    u[4 * i + i / 0x10000] = static_cast<std::uint8_t>(i >> 8 & 0xff);
    factors[i] = static_cast<std::int8_t>(i & 0xff);
  }
  std::vector<float> out(n), expected(n);
  for (const std::array<std::int16_t, 4>& words :
       {std::array<std::int16_t, 4>{16256, 16256, -16256, -16256}, std::array<std::int16_t, 4>{1, -300, 7, -16256}})
    for (const int middle : {0, 8, 128}) {
      std::int8_t eight[8];
      std::memcpy(eight, words.data(), sizeof eight);
      for (std::size_t i = 0; i < n; ++i) {
        std::int32_t sum = 0;
        for (std::size_t k = 0; k < 4; ++k) sum += (u[4 * i + k] - middle) * factors[i] * words[k % 2 * 2 + k / 2];
        expected[i] = static_cast<float>(sum);
      }
      for (const auto* table : tables()) {
        if (table->words == nullptr) continue;
        INFO(std::string{table->name}, " ", middle);
        std::fill(out.begin(), out.end(), std::nanf(""));
        table->words->words(u.data(), static_cast<std::int16_t>(middle), factors.data(), eight, out.data(), n);
        CHECK(out == expected);
      }
    }
}

TEST_CASE("products of bytes are exact in 16 bits") {
  constexpr std::size_t n = 256 * largest_lanes;
  auto u = random_elements<std::uint8_t>(4 * n, 13);
  for (std::uint8_t& each : u) each &= 63;
  std::vector<float> out(n), expected(n);
  for (const std::array<std::int8_t, 4>& four :
       {std::array<std::int8_t, 4>{127, 127, 127, 127}, std::array<std::int8_t, 4>{-127, -127, -127, -127},
        std::array<std::int8_t, 4>{1, -2, 33, 100}}) {
    for (std::size_t i = 0; i < n; ++i) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < 4; ++k) sum += 2 * u[4 * i + k] * four[k];
      expected[i] = static_cast<float>(sum);
    }
    for (const auto* table : tables()) {
      if (table->words == nullptr) continue;
      INFO(std::string{table->name});
      table->words->bytes(u.data(), four.data(), out.data(), n);
      CHECK(out == expected);
    }
  }
}

TEST_CASE("bytes are stored as they were loaded") {
  constexpr std::size_t n = 4 * largest_lanes;
  const auto u = random_elements<std::uint8_t>(4 * n + 1, 14);
  for (const auto* table : tables()) {
    INFO(std::string{table->name});
    std::vector<std::uint8_t> out(4 * n + 1);
    table->copy(u.data() + 1, out.data() + 1, n);
    CHECK(std::equal(u.begin() + 1, u.end(), out.begin() + 1));
  }
}

TEST_CASE("bits keep their place, and the same four bytes go to every lane") {
  constexpr std::size_t n = 4 * largest_lanes;
  std::vector<std::uint8_t> u(4 * n);
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = static_cast<std::uint8_t>(i * 37);
  std::vector<float> bytes(n), low(n), high(n), up(n), down(n), either(n), alone(n);
  for (const auto* table : tables()) {
    for (std::size_t place = 0; place < 4; ++place) {
      std::int8_t one[4] = {};
      one[place] = -1;
      table->dot_u8s8_four(u.data(), one, bytes.data(), n);
      table->low_nibbles(u.data(), one, low.data(), n);
      table->high_nibbles(u.data(), one, high.data(), n);
      table->up(u.data(), one, up.data(), n);
      table->down(u.data(), one, down.data(), n);
      table->either(u.data(), one, either.data(), n);
      table->byte_of[place](u.data(), alone.data(), n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const int byte = u[4 * i + place];
        wrong += bytes[i] != static_cast<float>(-byte);
        wrong += low[i] != static_cast<float>(-(byte & 15));
        wrong += high[i] != static_cast<float>(-(byte >> 4));
        wrong += up[i] != static_cast<float>(-(byte << 3 & 0x58));
        wrong += down[i] != static_cast<float>(-(byte >> 3 & 0x0b));
        wrong += either[i] != static_cast<float>(-((byte << 3 & 0x58) | (byte >> 3 & 0x0b)));
        wrong += alone[i] != static_cast<float>(byte);
      }
      INFO(std::string{table->name} << " " << place);
      CHECK(wrong == 0);
    }
  }
}
