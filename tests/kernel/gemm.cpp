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
        packed_type{table.row_product[model_table::at(type)]},
        tile_elements{table.tile_tokens * tulu::kernel::packed_columns(columns)},
        tiles{packed_type, tile_count * tile_elements, 1},
        scratch{dtype::f32, tulu::kernel::multiply_scratch(table.block_rows, tokens, table.tile_tokens)} {
    std::mt19937 generator{seed};
    weights.fill_normal(generator);
    x.fill_normal(generator);
    scratch.fill(NAN);
    tiles.fill(NAN);
    for (std::size_t i = 0; i < tile_count; ++i) {
      const std::size_t first = i * table.tile_tokens, rest = tokens - first;
      pack(x.floats() + first * x_stride(), rest < table.tile_tokens ? rest : table.tile_tokens, i);
    }
  }

  /// Packs `count` tokens as tile `index`.
  void pack(const float* from, std::size_t count, std::size_t index) {
    table.pack_tokens[model_table::at(packed_type)](from, x_stride(), count, columns,
                                                    tiles.data() + index * tile_elements * tulu::size_of(packed_type));
  }

  [[nodiscard]] std::size_t x_stride() const { return columns + 1; }

  void run(std::size_t first, std::size_t count, std::vector<float>& y, std::size_t y_stride, bool add) {
    table.multiply_many[model_table::at(kind)](weights.data() + tulu::bytes_of(kind, first * columns), count, columns,
                                               tiles.data(), tokens, y.data() + first, y_stride, add, scratch.floats());
  }

  const model_table& table;
  dtype kind;
  std::size_t rows, columns, tokens, tile_count;
  elements weights, x;
  dtype packed_type;
  std::size_t tile_elements;
  elements tiles, scratch;
};

}  // namespace

TEST_CASE("packed tokens lie step by step, absent ones and columns of padding as zero") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : {dtype::f32, dtype::bf16}) {
      INFO(std::string{table->backend}, " ", tulu::name(type));
      const std::size_t width = table->tile_tokens, step = type == dtype::bf16 ? 2 : 1;
      REQUIRE(width != 0);
      bool right = true;
      for (const std::size_t columns : {0U, 1U, 15U, 16U, 17U, 40U})
        for (std::size_t tokens = 0; tokens <= width; tokens += tokens + 3 < width ? 3 : 1) {
          const std::size_t padded = tulu::kernel::packed_columns(columns);
          elements x{dtype::f32, tokens * (columns + 2), 1}, tile{type, padded * width, 1}, one{type, 1};
          std::mt19937 generator{static_cast<unsigned>(columns)};
          x.fill_normal(generator);
          tile.fill(NAN);
          table->pack_tokens[model_table::at(type)](x.floats(), columns + 2, tokens, columns, tile.data());
          for (std::size_t k = 0; k < padded; ++k)
            for (std::size_t t = 0; t < width; ++t) {
              const bool present = t < tokens && k < columns;
              one.set(0, present ? x.floats()[t * (columns + 2) + k] : 0);
              right = right && tile[(k / step * width + t) * step + k % step] == one[0];
            }
        }
      CHECK(right);
    }
}

namespace {

/// |error| ≤ (columns + 1) u Σ |w x|, and u of the result when it is added to what was there: the largest part of that
/// bound for products of `rows` × `columns` weights with `tokens` tokens. Products in bfloat16 have rounded each x.
void check_product(const model_table& table, dtype type, std::size_t rows, std::size_t columns, std::size_t tokens,
                   bool add, worst_ratio& worst) {
  constexpr float before = 3.25F;
  product data{table, type, rows, columns, tokens, static_cast<unsigned>(rows + columns + tokens)};
  const std::size_t y_stride = rows + 3;
  std::vector<float> y(tokens * y_stride, before);
  data.run(0, rows, y, y_stride, add);
  const double rounding = data.packed_type == dtype::bf16 ? 0x1p-8 : 0;  // of activations
  const std::vector<double> weights = data.weights.values(), x = data.x.values();
  for (std::size_t t = 0; t < tokens; t += t < 3 || t + 4 > tokens ? 1 : 5)
    for (std::size_t r = 0; r < y_stride; ++r) {
      double sum = add || r >= rows ? static_cast<double>(before) : 0, magnitude = 0;
      for (std::size_t k = 0; r < rows && k < columns; ++k) {
        const double term = weights[r * columns + k] * x[t * data.x_stride() + k];
        sum += term;
        magnitude += std::abs(term);
      }
      const double terms = static_cast<double>(columns) + 1;
      worst.see(static_cast<double>(y[t * y_stride + r]), sum,
                unit * (terms * magnitude + (add ? std::abs(sum) : 0)) * 1.0001 + rounding * magnitude);
    }
}

}  // namespace

TEST_CASE("products with many tokens are within the bound of a float32 sum for every size, type and backend") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      const std::size_t width = table->tile_tokens, most = table->block_rows;
      for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{47}, most - 1, most})
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
        check_product(*table, type, table->block_rows, columns, 9, true, worst);
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
        const std::size_t tokens = 2 * table->tile_tokens + 1, rows = table->block_rows;
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
          alone.pack(data.x.floats() + t * data.x_stride(), 1, 0);
          alone.run(0, rows, y, rows, false);
          same = same && std::memcmp(y.data(), whole.data() + t * rows, rows * sizeof(float)) == 0;
        }
        CHECK(same);
      }
  }
}
