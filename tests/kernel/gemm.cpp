#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/gemm.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::block_columns;
using tulu::kernel::block_rows;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

/// Weights and tokens, packed as one backend wants them.
struct product {
  product(const model_table& kernels, dtype type, std::size_t row_count, std::size_t column_count,
          std::size_t token_count, unsigned seed)
      : table{kernels},
        kind{type},
        rows{row_count},
        columns{column_count},
        tokens{token_count},
        tile_count{(tokens + table.tile_tokens - 1) / table.tile_tokens},
        weights{type, rows * columns, 1},
        x{dtype::f32, tokens * (columns + 1)},
        tiles{dtype::f32, tile_count * table.tile_tokens * columns, 1},
        scratch{dtype::f32, tulu::kernel::multiply_scratch(tokens, table.tile_tokens)} {
    std::mt19937 generator{seed};
    weights.fill_normal(generator);
    x.fill_normal(generator);
    scratch.fill(NAN);
    tiles.fill(NAN);
    for (std::size_t i = 0; i < tile_count; ++i) {
      const std::size_t first = i * table.tile_tokens, rest = tokens - first;
      table.pack_tokens(x.floats() + first * x_stride(), x_stride(),
                        rest < table.tile_tokens ? rest : table.tile_tokens, columns, tiles.floats() + first * columns);
    }
  }

  [[nodiscard]] std::size_t x_stride() const { return columns + 1; }

  void run(std::size_t first, std::size_t count, std::vector<float>& y, std::size_t y_stride, bool add) {
    table.multiply_many[model_table::at(kind)](weights.data() + tulu::bytes_of(kind, first * columns), count, columns,
                                               tiles.floats(), tokens, y.data() + first, y_stride, add,
                                               scratch.floats());
  }

  const model_table& table;
  dtype kind;
  std::size_t rows, columns, tokens, tile_count;
  elements weights, x, tiles, scratch;
};

}  // namespace

TEST_CASE("packed tokens lie column by column, absent ones as zero") {
  for (const model_table* table : tulu::test::usable_models()) {
    INFO(std::string{table->backend});
    const std::size_t width = table->tile_tokens;
    REQUIRE(width != 0);
    bool right = true;
    for (const std::size_t columns : {0U, 1U, 15U, 16U, 17U, 40U})
      for (std::size_t tokens = 0; tokens <= width; tokens += tokens + 3 < width ? 3 : 1) {
        elements x{dtype::f32, tokens * (columns + 2), 1}, tile{dtype::f32, columns * width, 1};
        std::mt19937 generator{static_cast<unsigned>(columns)};
        x.fill_normal(generator);
        tile.fill(NAN);
        table->pack_tokens(x.floats(), columns + 2, tokens, columns, tile.floats());
        for (std::size_t k = 0; k < columns; ++k)
          for (std::size_t t = 0; t < width; ++t)
            right = right && tile[k * width + t] == (t < tokens ? x[t * (columns + 2) + k] : 0);
      }
    CHECK(right);
  }
}

namespace {

/// |error| ≤ (columns + 1) u Σ |w x|, and u of the result when it is added to what was there: the largest part of that
/// bound for products of `rows` × `columns` weights with `tokens` tokens.
void check_product(const model_table& table, dtype type, std::size_t rows, std::size_t columns, std::size_t tokens,
                   bool add, worst_ratio& worst) {
  constexpr float before = 3.25F;
  product data{table, type, rows, columns, tokens, static_cast<unsigned>(rows + columns + tokens)};
  const std::size_t y_stride = rows + 3;
  std::vector<float> y(tokens * y_stride, before);
  data.run(0, rows, y, y_stride, add);
  for (std::size_t t = 0; t < tokens; t += t < 3 || t + 4 > tokens ? 1 : 5)
    for (std::size_t r = 0; r < y_stride; ++r) {
      double sum = add || r >= rows ? static_cast<double>(before) : 0, magnitude = 0;
      for (std::size_t k = 0; r < rows && k < columns; ++k) {
        const double term = data.weights[r * columns + k] * data.x[t * data.x_stride() + k];
        sum += term;
        magnitude += std::abs(term);
      }
      const double terms = static_cast<double>(columns) + 1;
      worst.see(static_cast<double>(y[t * y_stride + r]), sum,
                unit * (terms * magnitude + (add ? std::abs(sum) : 0)) * 1.0001);
    }
}

}  // namespace

TEST_CASE("products with many tokens are within the bound of a float32 sum for every size, type and backend") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      const std::size_t width = table->tile_tokens;
      for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{5}, block_rows - 1, block_rows})
        for (const std::size_t columns : {std::size_t{1}, std::size_t{15}, std::size_t{33}, block_columns - 1,
                                          block_columns, block_columns + 1, 2 * block_columns + 5})
          for (const std::size_t tokens : {std::size_t{1}, std::size_t{9}, width - 1, width + 1, 2 * width + 3})
            for (const bool add : {false, true})
              if (tokens != 0) check_product(*table, type, rows, columns, tokens, add, worst);
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("products of blocks with many tokens are within the bound of a float32 sum of the decoded weights") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::block_types) {
      worst_ratio worst;
      for (const std::size_t columns : tulu::test::block_row_lengths(type)) {
        check_product(*table, type, 5, columns, table->tile_tokens + 1, false, worst);
        check_product(*table, type, block_rows, columns, 9, true, worst);
      }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a product has the same bits in every tile and however the rows are divided") {
  for (const model_table* table : tulu::test::usable_models()) {
    if (table->backend == std::string_view{"eigen"}) continue;  // Eigen sums in an order of its own
    for (const dtype type : tulu::test::weight_types)
      for (const std::size_t columns : {7U, 300U}) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " columns ", columns);
        const std::size_t tokens = 2 * table->tile_tokens + 1, rows = block_rows;
        product data{*table, type, rows, columns, tokens, 5};
        std::vector<float> whole(tokens * rows), divided(tokens * rows);
        data.run(0, rows, whole, rows, false);
        data.run(0, 1, divided, rows, false);
        data.run(1, 6, divided, rows, false);
        data.run(7, rows - 7, divided, rows, false);
        CHECK(std::memcmp(whole.data(), divided.data(), whole.size() * sizeof(float)) == 0);
        bool same = true;
        for (std::size_t t = 0; t < tokens; ++t) {
          product alone{*table, type, rows, columns, tokens, 5};
          std::vector<float> y(rows);
          alone.tokens = 1;
          table->pack_tokens(data.x.floats() + t * data.x_stride(), data.x_stride(), 1, columns, alone.tiles.floats());
          alone.run(0, rows, y, rows, false);
          same = same && std::memcmp(y.data(), whole.data() + t * rows, rows * sizeof(float)) == 0;
        }
        CHECK(same);
      }
  }
}
