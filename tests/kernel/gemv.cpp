#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/gemv.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::few_tokens;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

constexpr float untouched = 7777;

/// One call: rows of weights × tokens, with gaps between the rows of x and of y.
struct product {
  product(dtype type, std::size_t row_count, std::size_t column_count, std::size_t misalignment, unsigned seed)
      : rows{row_count},
        columns{column_count},
        kind{type},
        weights{type, rows * columns, misalignment},
        x{dtype::f32, few_tokens * (columns + 3), misalignment % 3} {
    std::mt19937 generator{seed};
    weights.fill_normal(generator);
    x.fill_normal(generator);
  }

  [[nodiscard]] std::size_t x_stride() const { return columns + 3; }
  [[nodiscard]] std::size_t y_stride() const { return rows + 2; }

  /// Rows [first, first + count) for the first `tokens` tokens.
  void run(const model_table& table, std::size_t first, std::size_t count, std::size_t tokens, float* y, bool add) {
    table.multiply_few[model_table::at(kind)](weights.data() + tulu::bytes_of(kind, first * columns), count, columns,
                                              x.floats(), x_stride(), tokens, y + first, y_stride(), add);
  }

  std::size_t rows, columns;
  dtype kind;
  elements weights, x;
};

/// |error| ≤ (columns + 1) u Σ |w x| for a sum in any order whose products are rounded or not, and u of the result
/// when it is added to what was there.
void compare(product& data, const std::vector<float>& before, const std::vector<float>& y, std::size_t tokens, bool add,
             worst_ratio& worst) {
  const std::vector<double> weights = data.weights.values(), x = data.x.values();
  for (std::size_t t = 0; t < few_tokens; ++t)
    for (std::size_t r = 0; r < data.y_stride(); ++r) {
      const std::size_t at = t * data.y_stride() + r;
      if (t >= tokens || r >= data.rows) {
        worst.see(static_cast<double>(y[at]), static_cast<double>(before[at]), 0);
        continue;
      }
      double sum = add ? static_cast<double>(before[at]) : 0, magnitude = 0;
      for (std::size_t k = 0; k < data.columns; ++k) {
        const double term = weights[r * data.columns + k] * x[t * data.x_stride() + k];
        sum += term;
        magnitude += std::abs(term);
      }
      const double terms = static_cast<double>(data.columns) + 1;
      worst.see(static_cast<double>(y[at]), sum, unit * (terms * magnitude + (add ? std::abs(sum) : 0)) * 1.0001);
    }
}

/// Every number of tokens, added to what was there or not.
void compare_all(product& data, const model_table& table, worst_ratio& worst) {
  for (std::size_t tokens = 0; tokens <= few_tokens; ++tokens)
    for (const bool add : {false, true}) {
      const std::vector<float> before(few_tokens * data.y_stride(), untouched / 1000);
      std::vector<float> y = before;
      data.run(table, 0, data.rows, tokens, y.data(), add);
      compare(data, before, y, tokens, add, worst);
    }
}

/// Whether the products are those in `one`, the same bits, however many rows and tokens there are.
[[nodiscard]] bool same_however_divided(product& data, const model_table& table, const std::vector<float>& one) {
  bool same = true;
  for (std::size_t tokens = 1; tokens <= few_tokens; ++tokens)
    for (const std::size_t split : {0U, 1U, 4U, 6U}) {
      std::vector<float> y(few_tokens * data.y_stride(), untouched);
      data.run(table, 0, split, tokens, y.data(), false);
      data.run(table, split, data.rows - split, tokens, y.data(), false);
      same = same && std::memcmp(y.data(), one.data(), tokens * data.y_stride() * sizeof(float)) == 0;
    }
  return same;
}

}  // namespace

TEST_CASE("products with few tokens are within the bound of a float32 sum for every size, type and backend") {
  const std::size_t row_counts[] = {0, 1, 2, 3, 4, 5, 9};
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      for (const std::size_t rows : row_counts)
        for (std::size_t columns = 0; columns <= 70; columns += columns < 40 ? 1 : 3) {
          product data{type, rows, columns, 1 + columns % 5, static_cast<unsigned>(100 * rows + columns)};
          compare_all(data, *table, worst);
        }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a long row is within the bound of a float32 sum") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      for (const std::size_t columns : {1000U, 4096U, 11009U}) {
        product data{type, 5, columns, 1, static_cast<unsigned>(columns)};
        const std::vector<float> before(few_tokens * data.y_stride(), 0);
        std::vector<float> y = before;
        data.run(*table, 0, 5, few_tokens, y.data(), false);
        compare(data, before, y, few_tokens, false, worst);
      }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 0.1);  // the bound grows with columns, the error of a random sum with their root
    }
}

TEST_CASE("a product has the same bits however many tokens and rows are multiplied with it") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types)
      for (const std::size_t columns : {1U, 7U, 16U, 31U, 33U, 100U, 257U}) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " columns ", columns);
        product data{type, 11, columns, 2, static_cast<unsigned>(columns)};
        std::vector<float> one(few_tokens * data.y_stride(), untouched);
        for (std::size_t t = 0; t < few_tokens; ++t)
          for (std::size_t r = 0; r < data.rows; ++r) {
            product shifted = product{type, 11, columns, 2, static_cast<unsigned>(columns)};
            std::memmove(shifted.x.data(), shifted.x.data() + t * data.x_stride() * sizeof(float),
                         columns * sizeof(float));
            shifted.run(*table, r, 1, 1, one.data() + t * data.y_stride(), false);
          }
        CHECK(same_however_divided(data, *table, one));
      }
}

TEST_CASE("products of blocks with few tokens are within the bound of a float32 sum of the decoded weights") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::block_types) {
      worst_ratio worst;
      for (const std::size_t columns : tulu::test::block_row_lengths(type))
        for (const std::size_t rows : {0U, 1U, 2U, 5U, 9U}) {
          product data{type, rows, columns, 1 + rows % 3, static_cast<unsigned>(100 * rows + columns)};
          compare_all(data, *table, worst);
        }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a product of blocks has the same bits however many tokens and rows are multiplied with it") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::block_types)
      for (const std::size_t columns : tulu::test::block_row_lengths(type)) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " columns ", columns);
        product data{type, 7, columns, 2, static_cast<unsigned>(columns)};
        std::vector<float> one(few_tokens * data.y_stride(), untouched);
        data.run(*table, 0, data.rows, few_tokens, one.data(), false);
        CHECK(same_however_divided(data, *table, one));
      }
}
