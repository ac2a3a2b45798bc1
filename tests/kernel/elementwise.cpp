#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/kernel/dispatch.hpp>
#include <tulu/kernel/elementwise.hpp>
#include <tulu/simd/portable.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::elementwise_table;

constexpr dtype summable[] = {dtype::f16, dtype::bf16, dtype::f32};
constexpr std::size_t largest_lanes = 16;

/// Elements of one type at `misalignment` elements past a register's boundary, with a guard behind them.
class column {
 public:
  column(dtype type, std::size_t count, std::size_t misalignment)
      : type_{type}, count_{count}, first_{misalignment * tulu::size_of(type)}, storage_(count * 4 + 256, guard) {}
  column(const column&) = delete;
  column& operator=(const column&) = delete;

  [[nodiscard]] std::byte* data() { return storage_.data() + offset(); }
  [[nodiscard]] const std::byte* data() const { return storage_.data() + offset(); }
  [[nodiscard]] std::size_t bytes() const { return count_ * tulu::size_of(type_); }

  void set(std::size_t i, std::uint32_t bits) {
    std::memcpy(data() + i * tulu::size_of(type_), &bits, tulu::size_of(type_));
  }
  [[nodiscard]] std::uint32_t bits(std::size_t i) const {
    std::uint32_t value = 0;
    std::memcpy(&value, data() + i * tulu::size_of(type_), tulu::size_of(type_));
    return value;
  }
  [[nodiscard]] float value(std::size_t i) const {
    if (type_ == dtype::f32) return std::bit_cast<float>(bits(i));
    const auto half = static_cast<std::uint16_t>(bits(i));
    return type_ == dtype::f16 ? to_float(tulu::f16{half}) : to_float(tulu::bf16{half});
  }
  [[nodiscard]] bool guard_intact() const {
    const auto before = std::count(storage_.data(), data(), guard);
    const auto after = std::count(data() + bytes(), storage_.data() + storage_.size(), guard);
    return static_cast<std::size_t>(before + after) == storage_.size() - bytes();
  }

 private:
  static constexpr std::byte guard{0xa5};

  [[nodiscard]] std::size_t offset() const {
    const std::size_t past = reinterpret_cast<std::uintptr_t>(storage_.data()) % 64;
    return (64 - past) % 64 + first_;
  }

  dtype type_;
  std::size_t count_;
  std::size_t first_;
  std::vector<std::byte> storage_;
};

/// Special values of a type, as bits: zeros, subnormals, the ends of every range, infinities, NaNs, ties of the
/// narrower types.
std::vector<std::uint32_t> specials(dtype type) {
  std::vector<std::uint32_t> bits;
  if (type == dtype::f16) bits = {0, 1, 0x3ff, 0x400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7c01, 0x7e00, 0x7fff};
  if (type == dtype::bf16) bits = {0, 1, 0x7f, 0x80, 0x3f80, 0x3f81, 0x477f, 0x7f7f, 0x7f80, 0x7f81, 0x7fc0, 0x7fff};
  if (type == dtype::f32)
    bits = {0,          1,          0x7fffff,   0x800000,   0x33000000, 0x33000001, 0x38800000, 0x387fe000,
            0x3f800000, 0x3f801000, 0x3f803000, 0x3f808000, 0x3f818000, 0x477fefff, 0x477ff000, 0x7f7f7fff,
            0x7f7f8000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fabcdef, 0x7fc00000, 0x7fffffff};
  const std::size_t positive = bits.size();
  const std::uint32_t sign = type == dtype::f32 ? 0x80000000 : 0x8000;
  for (std::size_t i = 0; i < positive; ++i) bits.push_back(bits[i] | sign);
  return bits;
}

void fill_random(column& elements, std::size_t count, std::uint32_t seed) {
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::size_t i = 0; i < count; ++i) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    elements.set(i, state);
  }
}

std::vector<const elementwise_table*> tables() {
  std::vector<const elementwise_table*> found;
  for (const auto* backend : tulu::kernel::usable_backends(tulu::detect_cpu())) found.push_back(backend->elementwise);
  return found;
}

const elementwise_table& oracle() {
  return tulu::kernel::elementwise_for<tulu::simd::portable>();
}

/// Equal bits, except that the NaN of two NaNs may be any.
std::size_t differences(const column& found, const column& expected, const column& a, const column& b, std::size_t n) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool two_nans = std::isnan(a.value(i)) && std::isnan(b.value(i));
    wrong += two_nans ? !std::isnan(found.value(i)) : found.bits(i) != expected.bits(i);
  }
  return wrong;
}

template <class Check>
void for_all_types(Check check) {
  for (const elementwise_table* table : tables())
    for (const dtype a : summable)
      for (const dtype b : summable)
        for (const dtype out : summable) check(*table, a, b, out);
}

}  // namespace

TEST_CASE("the portable kernels do what C++ does with the elements as floats") {
  const tulu::f16 a[] = {tulu::to_f16(1.5f), tulu::to_f16(-2.0f), {0x0001}};
  const float b[] = {0.25f, 1e-3f, 0.0f};
  float sum[3], difference[3];
  tulu::kernel::add<tulu::simd::portable>(a, b, sum, 3);
  tulu::kernel::subtract<tulu::simd::portable>(a, b, difference, 3);
  CHECK(sum[0] == 1.75f);
  CHECK(sum[1] == -2.0f + 1e-3f);
  CHECK(sum[2] == 0x1p-24f);
  CHECK(difference[0] == 1.25f);
  CHECK(difference[1] == -2.0f - 1e-3f);
  tulu::bf16 rounded[3];
  tulu::kernel::convert<tulu::simd::portable>(b, rounded, 3);
  CHECK(rounded[1] == tulu::to_bf16(1e-3f));
  double sums[3] = {1, 2, 3};
  tulu::kernel::accumulate<tulu::simd::portable>(b, sums, 3);
  CHECK(sums[0] == 1.25);
  CHECK(sums[1] == 2 + static_cast<double>(1e-3f));
}

TEST_CASE("sums and differences of all types and sizes have the portable bits and stay in their bounds") {
  for_all_types([](const elementwise_table& table, dtype a_type, dtype b_type, dtype out_type) {
    for (std::size_t n = 0; n <= 4 * largest_lanes + 1; ++n) {
      column a{a_type, n, n % 3}, b{b_type, n, n % 5}, out{out_type, n, n % 7}, expected{out_type, n, 0};
      fill_random(a, n, 1 + static_cast<std::uint32_t>(n));
      fill_random(b, n, 1000 + static_cast<std::uint32_t>(n));
      table.adder(a_type, b_type, out_type)(a.data(), b.data(), out.data(), n);
      oracle().adder(a_type, b_type, out_type)(a.data(), b.data(), expected.data(), n);
      INFO(std::string{table.backend} << " n=" << n);
      REQUIRE(differences(out, expected, a, b, n) == 0);
      table.subtractor(a_type, b_type, out_type)(a.data(), b.data(), out.data(), n);
      oracle().subtractor(a_type, b_type, out_type)(a.data(), b.data(), expected.data(), n);
      REQUIRE(differences(out, expected, a, b, n) == 0);
      REQUIRE(out.guard_intact());
    }
  });
}

TEST_CASE("every pair of special values has the portable sum and difference") {
  for_all_types([](const elementwise_table& table, dtype a_type, dtype b_type, dtype out_type) {
    const auto left = specials(a_type), right = specials(b_type);
    const std::size_t n = left.size() * right.size();
    column a{a_type, n, 1}, b{b_type, n, 1}, out{out_type, n, 1}, expected{out_type, n, 1};
    for (std::size_t i = 0; i < n; ++i) a.set(i, left[i / right.size()]), b.set(i, right[i % right.size()]);
    INFO(std::string{table.backend});
    table.adder(a_type, b_type, out_type)(a.data(), b.data(), out.data(), n);
    oracle().adder(a_type, b_type, out_type)(a.data(), b.data(), expected.data(), n);
    CHECK(differences(out, expected, a, b, n) == 0);
    table.subtractor(a_type, b_type, out_type)(a.data(), b.data(), out.data(), n);
    oracle().subtractor(a_type, b_type, out_type)(a.data(), b.data(), expected.data(), n);
    CHECK(differences(out, expected, a, b, n) == 0);
  });
}

TEST_CASE("an input may be the output when the types are equal") {
  for (const elementwise_table* table : tables()) {
    for (const dtype type : summable) {
      constexpr std::size_t n = 3 * largest_lanes + 5;
      column a{type, n, 1}, in_a{type, n, 1}, b{type, n, 2}, in_b{type, n, 2}, expected{type, n, 0};
      fill_random(a, n, 3), fill_random(in_a, n, 3);
      for (std::size_t i = 0; i < n; ++i) b.set(i, 0x3c00), in_b.set(i, 0x3c00);
      oracle().adder(type, type, type)(a.data(), b.data(), expected.data(), n);
      table->adder(type, type, type)(in_a.data(), b.data(), in_a.data(), n);
      table->adder(type, type, type)(a.data(), in_b.data(), in_b.data(), n);
      CHECK(std::memcmp(in_a.data(), expected.data(), expected.bytes()) == 0);
      CHECK(std::memcmp(in_b.data(), expected.data(), expected.bytes()) == 0);
    }
  }
}

TEST_CASE("conversions of all types and sizes have the portable bits and stay in their bounds") {
  for (const elementwise_table* table : tables()) {
    for (const dtype in_type : summable) {
      for (const dtype out_type : summable) {
        for (std::size_t n = 0; n <= 4 * largest_lanes + 1; ++n) {
          column in{in_type, n, n % 3}, out{out_type, n, n % 5}, expected{out_type, n, 0};
          fill_random(in, n, static_cast<std::uint32_t>(n));
          table->converter(in_type, out_type)(in.data(), out.data(), n);
          oracle().converter(in_type, out_type)(in.data(), expected.data(), n);
          INFO(std::string{table->backend} << " n=" << n);
          REQUIRE(std::memcmp(out.data(), expected.data(), out.bytes()) == 0);
          REQUIRE(out.guard_intact());
        }
      }
    }
  }
}

TEST_CASE("every 16-bit code and a stride through all floats convert as the portable kernel does") {
  constexpr std::size_t n = 0x10000;
  column codes{dtype::f16, n, 0}, floats{dtype::f32, n, 0};
  for (const elementwise_table* table : tables()) {
    INFO(std::string{table->backend});
    for (const dtype type : {dtype::f16, dtype::bf16}) {
      for (std::size_t i = 0; i < n; ++i) codes.set(i, static_cast<std::uint32_t>(i));
      table->converter(type, dtype::f32)(codes.data(), floats.data(), n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const auto bits = static_cast<std::uint16_t>(i);
        const float value = type == dtype::f16 ? to_float(tulu::f16{bits}) : to_float(tulu::bf16{bits});
        wrong += floats.bits(i) != std::bit_cast<std::uint32_t>(value);
      }
      CHECK(wrong == 0);

      wrong = 0;
      for (std::uint32_t part = 0; part < 8; ++part) {  // every 8191st pattern: 524,352 of them
        for (std::size_t i = 0; i < n; ++i)
          floats.set(i, (part * static_cast<std::uint32_t>(n) + static_cast<std::uint32_t>(i)) * 8191);
        table->converter(dtype::f32, type)(floats.data(), codes.data(), n);
        for (std::size_t i = 0; i < n; ++i)
          wrong += codes.bits(i) !=
                   (type == dtype::f16 ? tulu::to_f16(floats.value(i)).bits : tulu::to_bf16(floats.value(i)).bits);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a conversion to the same type copies the bits of NaNs") {
  for (const elementwise_table* table : tables()) {
    for (const dtype type : summable) {
      const auto values = specials(type);
      column in{type, values.size(), 1}, out{type, values.size(), 0};
      for (std::size_t i = 0; i < values.size(); ++i) in.set(i, values[i]);
      table->converter(type, type)(in.data(), out.data(), values.size());
      CHECK(std::memcmp(in.data(), out.data(), in.bytes()) == 0);
    }
  }
}

TEST_CASE("rows are added to column sums in double, in bounds") {
  for (const elementwise_table* table : tables()) {
    for (const dtype type : summable) {
      for (std::size_t n = 0; n <= 4 * largest_lanes + 1; ++n) {
        column row{type, n, n % 3};
        for (std::size_t i = 0; i < n; ++i)
          row.set(i, (type == dtype::f32 ? 0x3dcccccd : 0x3555) + static_cast<std::uint32_t>(i));
        std::vector<double> sums(n + 1, 0.125);
        table->accumulator(type)(row.data(), sums.data(), n);
        table->accumulator(type)(row.data(), sums.data(), n);
        INFO(std::string{table->backend} << " n=" << n);
        for (std::size_t i = 0; i < n; ++i)
          REQUIRE(sums[i] == 0.125 + static_cast<double>(row.value(i)) + static_cast<double>(row.value(i)));
        REQUIRE(sums[n] == 0.125);
      }
    }
  }
}
