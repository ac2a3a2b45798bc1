#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include <doctest/doctest.h>
#include <support/backend_operations.hpp>

#include <tulu/core/cpu.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/simd/portable.hpp>

#if defined(__x86_64__)

namespace tulu::test {

const operation_table& operations_avx512_amx() noexcept;
const operation_table& operations_portable() noexcept;
const operation_table& operations_avx512_vnni_bf16() noexcept;

}  // namespace tulu::test

namespace {

using tulu::bf16;

std::vector<bf16> random_bf16s(std::size_t n, unsigned seed) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<float> values{-2, 2};
  std::vector<bf16> result(n);
  for (bf16& value : result) value = tulu::to_bf16(values(random));
  return result;
}

/// Products of random tokens and panels with strides of their own.
struct product {
  std::size_t tokens, panels, depth, x_stride, panel_stride, y_stride;
  std::vector<bf16> x = random_bf16s(tokens / 16 * x_stride, 1), weights = random_bf16s(panels * panel_stride, 2);

  /// Compares with sums in double; where no product belongs, nothing may be written.
  void check(tulu::test::operation_table::tile_product multiply, bool add) const {
    constexpr float before = 3.25f;
    std::vector<float> y(tokens * y_stride, before);
    multiply(x.data(), x_stride, weights.data(), panel_stride, panels, depth, y.data(), y_stride, add);
    std::size_t wrong = 0;
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t column = 0; column < y_stride; ++column) {
        const double found = static_cast<double>(y[t * y_stride + column]);
        if (column >= 16 * panels) {
          wrong += found != static_cast<double>(before);
          continue;
        }
        double sum = add ? static_cast<double>(before) : 0, size = 4;
        for (std::size_t k = 0; k < depth; ++k) {
          const bf16 weight = weights[column / 16 * panel_stride + (k / 2 * 16 + column % 16) * 2 + k % 2];
          const double term =
              static_cast<double>(to_float(x[t / 16 * x_stride + (k / 32 * 16 + t % 16) * 32 + k % 32])) *
              static_cast<double>(to_float(weight));
          sum += term;
          size += std::abs(term);
        }
        wrong += !(std::abs(found - sum) <= size * static_cast<double>(depth) * 0x1p-25);
      }
    INFO(tokens << " tokens, " << panels << " panels, " << depth << " columns, added: " << add);
    CHECK(wrong == 0);
  }
};

/// Whether this processor and system run it.
bool has_tiles() {
  return tulu::kernel::find_backend("avx512_amx", tulu::detect_cpu()) != nullptr;
}

}  // namespace

TEST_CASE("only avx512_amx has tiles") {
  CHECK((tulu::test::operations_avx512_amx().tiles_of_32_tokens != nullptr));
  CHECK((tulu::test::operations_avx512_vnni_bf16().tiles_of_32_tokens == nullptr));
  CHECK((tulu::test::operations_portable().tiles_of_16_tokens == nullptr));
}

TEST_CASE("tiles multiply tokens by panels, in place or added, and write nothing beside them") {
  if (!has_tiles()) return;
  const auto& table = tulu::test::operations_avx512_amx();
  for (const std::size_t depth : {32u, 64u, 96u, 256u})
    for (const std::size_t panels : {1u, 2u, 3u, 4u})
      for (const bool add : {false, true}) {
        const product of_32{32, panels, depth, depth * 16 + 5, depth * 16 + 38, 16 * panels + 3};
        of_32.check(table.tiles_of_32_tokens, add);
        const product of_16{16, panels, depth, depth * 16, depth * 16, 16 * panels};
        of_16.check(table.tiles_of_16_tokens, add);
      }
}

TEST_CASE("the products of tiles do not depend on what else is multiplied") {
  if (!has_tiles()) return;
  const auto& table = tulu::test::operations_avx512_amx();
  const auto x = random_bf16s(std::size_t{32} * 64, 3), weights = random_bf16s(std::size_t{3} * 64 * 16, 4);
  std::vector<float> all(std::size_t{32} * 48), part(std::size_t{16} * 16);
  table.tiles_of_32_tokens(x.data(), 64 * 16, weights.data(), 64 * 16, 3, 64, all.data(), 48, false);
  for (const std::size_t panel : {0u, 1u, 2u})
    for (const std::size_t first : {0u, 16u}) {
      table.tiles_of_16_tokens(x.data() + first * 64, 64 * 16, weights.data() + panel * 64 * 16, 0, 1, 64, part.data(),
                               16, false);
      std::size_t wrong = 0;
      for (std::size_t t = 0; t < 16; ++t)
        for (std::size_t r = 0; r < 16; ++r) wrong += part[t * 16 + r] != all[(first + t) * 48 + panel * 16 + r];
      CHECK(wrong == 0);
    }
}

#endif
