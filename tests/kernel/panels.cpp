#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/scalar/q6_k.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::few_tokens;
using tulu::kernel::model_table;
using tulu::kernel::panel_form;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

constexpr float untouched = 7777;
/// Beside columns: in bytes, what is summed is up to 255 times a scale where the weight is 1 of it, and the rest taken
/// off at the end.
constexpr double cancelled = 300;
constexpr dtype panel_types[] = {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1,
                                 dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k};

/// A matrix in rows and in panels, and tokens.
struct product {
  product(dtype type, std::size_t row_count, std::size_t column_count, std::size_t token_count, unsigned seed)
      : rows{row_count},
        columns{column_count},
        tokens{token_count},
        kind{type},
        weights{type, rows * columns},
        x{dtype::f32, tokens * (columns + 3), 1},
        panels{tulu::kernel::panels_bytes(type, rows, columns)},
        groups(tokens * columns / 32) {
    std::mt19937 generator{seed};
    weights.fill_normal(generator);
    x.fill_normal(generator);
    for (std::size_t t = 1; t < tokens; t += 3) x.floats()[t * x_stride() + 37 * t % columns] = 60;  // an outlier
    std::fill_n(panels.data(), panels.size(), std::byte{0xff});  // what is not written is NaN
    tulu::kernel::pack_panels(type, weights.data(), rows, columns, panels.data());
  }

  [[nodiscard]] std::size_t x_stride() const { return columns + 3; }
  [[nodiscard]] std::size_t y_stride() const { return rows + 2; }
  [[nodiscard]] const std::byte* panel(std::size_t row) const {
    return panels.data() + tulu::kernel::panels_bytes(kind, row, columns);
  }

  /// `count` rows from `first` on, a multiple of 16, for tokens [from, from + some).
  void few(const model_table& table, std::size_t first, std::size_t count, std::size_t from, std::size_t some, float* y,
           bool add) {
    const std::size_t stride = columns / 32;
    const auto group_tokens = table.group_tokens[model_table::at(table.few_form[model_table::at(kind)])];
    for (std::size_t t = 0; t < tokens; ++t)
      group_tokens(x.floats() + t * x_stride(), columns, groups.data() + t * stride);
    table.panels_times_few[model_table::at(kind)](panel(first), count, columns, groups.data() + from * stride, stride,
                                                  some, y + first, y_stride(), add);
  }

  void many(const model_table& table, std::size_t first, std::size_t count, float* y, bool add) {
    const std::size_t at = model_table::at(kind);
    const panel_form form = table.panel_product[at];
    elements packed{dtype::u8, tulu::kernel::packed_tokens(tokens) * columns / 32 * tulu::kernel::form_bytes(form)};
    elements scratch{dtype::f32, tulu::kernel::many_scratch(table.many_rows, tokens)};
    table.pack_many[model_table::at(form)](x.floats(), x_stride(), 0, tokens, tokens, columns, packed.data());
    table.panels_times_many[at](panel(first), count, columns, packed.data(), tokens, y + first, y_stride(), add,
                                scratch.floats());
  }

  /// What float32 sums in any order may be off by, and what rounding to `form` adds to the error of a product.
  void compare(const std::vector<float>& before, const std::vector<float>& y, std::size_t some, bool add,
               panel_form form, worst_ratio& worst) {
    const std::vector<double> all_weights = weights.values(), all_x = x.values();
    const std::vector<double> x_errors = rounding(form, all_x);
    // bfloat16 rounds a weight and an activation by 2^-8 each.
    const double relative = form == panel_form::bf16 ? 0x1p-7 + 0x1p-15 : 0;
    for (std::size_t t = 0; t < before.size() / y_stride(); ++t)
      for (std::size_t r = 0; r < y_stride(); ++r) {
        const std::size_t at = t * y_stride() + r;
        if (t >= some || r >= rows) {
          worst.see(static_cast<double>(y[at]), static_cast<double>(before[at]), 0);
          continue;
        }
        double sum = add ? static_cast<double>(before[at]) : 0, magnitude = 0, rounded = 0;
        for (std::size_t k = 0; k < columns; ++k) {
          const double term = all_weights[r * columns + k] * all_x[t * x_stride() + k];
          sum += term;
          magnitude += std::abs(term);
          rounded += std::abs(all_weights[r * columns + k]) * x_errors[t * x_stride() + k];
        }
        const double order = unit * (static_cast<double>(columns) + (form == panel_form::bytes ? cancelled : 3));
        worst.see(static_cast<double>(y[at]), sum,
                  (order + relative) * magnitude + rounded + unit * std::abs(sum) + 1e-30);
      }
  }

  /// What rounding to token_groups adds to the error of each activation: half of 1 / 127 of the largest of 32, or,
  /// where that is large beside the others of the token and with words, 1 / 128 of that.
  [[nodiscard]] std::vector<double> rounding(panel_form form, const std::vector<double>& values) const {
    std::vector<double> errors(values.size());
    if (form == panel_form::f32 || form == panel_form::bf16) return errors;
    for (std::size_t t = 0; t < tokens; ++t) {
      const double* const token = values.data() + t * x_stride();
      const double squares = std::inner_product(token, token + columns, token, 0.0);
      const double limit = static_cast<double>(tulu::kernel::token_group::coarse_limit) *
                           std::sqrt(squares / static_cast<double>(columns));
      for (std::size_t k = 0; k < columns; k += 32) {
        double largest = 0;
        for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(token[k + i]));
        const bool coarse = form == panel_form::bytes && largest < limit;
        const double error = largest / (coarse ? 2 * 127 : 2 * 127 * 128) * 1.001;
        std::fill_n(errors.begin() + static_cast<std::ptrdiff_t>(t * x_stride() + k), 32, error);
      }
    }
    return errors;
  }

  std::size_t rows, columns, tokens;
  dtype kind;
  elements weights, x;
  tulu::aligned_buffer panels;
  std::vector<tulu::kernel::token_group> groups;
};

}  // namespace

TEST_CASE("rows are in their panels as they were") {
  for (const dtype type : panel_types)
    for (const std::size_t rows : {1U, 15U, 16U, 17U, 40U})
      for (const std::size_t columns : tulu::test::block_row_lengths(type)) {
        INFO(std::string{tulu::name(type)}, " ", rows, " x ", columns);
        product data{type, rows, columns, 1, static_cast<unsigned>(rows + columns)};
        std::size_t wrong = 0;
        std::vector<float> row(columns);
        for (std::size_t r = 0; r < rows; ++r) {
          tulu::kernel::unpack_row(type, data.panels.data(), columns, r, row.data());
          for (std::size_t k = 0; k < columns; ++k)
            wrong += static_cast<double>(row[k]) != data.weights[r * columns + k];
        }
        CHECK(wrong == 0);
      }
}

TEST_CASE("products of panels with few tokens are near those of the weights for every size, type and backend") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : panel_types) {
      if (table->panels_times_few[model_table::at(type)] == nullptr) continue;
      worst_ratio worst;
      for (const std::size_t columns : tulu::test::block_row_lengths(type))
        for (const std::size_t rows : {0U, 1U, 17U}) {
          product data{type, rows, columns, few_tokens, static_cast<unsigned>(100 * rows + columns)};
          for (const std::size_t tokens : {0U, 1U, 2U, 3U, 4U, 7U, 8U})
            for (const bool add : {false, true}) {
              const std::vector<float> before(few_tokens * data.y_stride(), untouched / 1000);
              std::vector<float> y = before;
              data.few(*table, 0, rows, 0, tokens, y.data(), add);
              data.compare(before, y, tokens, add, table->few_form[model_table::at(type)], worst);
            }
        }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a product of a panel has the same bits however many tokens and rows are multiplied with it") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : panel_types) {
      if (table->panels_times_few[model_table::at(type)] == nullptr) continue;
      for (const std::size_t columns : tulu::test::block_row_lengths(type)) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " columns ", columns);
        product data{type, 35, columns, few_tokens, static_cast<unsigned>(columns)};
        std::vector<float> one(few_tokens * data.y_stride(), untouched), y = one;
        for (std::size_t t = 0; t < few_tokens; ++t)
          for (const std::size_t first : {0U, 16U, 32U})
            data.few(*table, first, first == 32 ? 3 : 16, t, 1, one.data() + t * data.y_stride(), false);
        for (std::size_t tokens = 1; tokens <= few_tokens; ++tokens) {
          data.few(*table, 0, data.rows, 0, tokens, y.data(), false);
          CHECK(std::memcmp(y.data(), one.data(), tokens * data.y_stride() * sizeof(float)) == 0);
        }
      }
    }
}

TEST_CASE("products of panels with many tokens are near those of the weights for every size, type and backend") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : panel_types) {
      const std::size_t at = model_table::at(type);
      if (table->panels_times_many[at] == nullptr) continue;
      worst_ratio worst;
      for (const std::size_t columns : tulu::test::block_row_lengths(type))
        for (const std::size_t rows : {std::size_t{1}, std::size_t{17}, table->many_rows})
          for (const std::size_t tokens : {1U, 2U, 5U, 6U, 7U, 16U, 37U, 50U}) {
            if (tokens > 7 && columns != 224 && columns != 544 && columns != 512) continue;  // enough, and quick
            product data{type, rows, columns, tokens, static_cast<unsigned>(100 * rows + columns)};
            for (const bool add : {false, true}) {
              const std::vector<float> before((tokens + 1) * data.y_stride(), untouched / 1000);
              std::vector<float> y = before;
              data.many(*table, 0, rows, y.data(), add);
              data.compare(before, y, tokens, add, table->panel_product[at], worst);
            }
          }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a product with many tokens has the same bits however its rows are divided") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : {dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k}) {
      if (table->panels_times_many[model_table::at(type)] == nullptr) continue;
      INFO(std::string{table->backend}, " ", tulu::name(type));
      const std::size_t rows = table->many_rows - 3;
      product data{type, rows, 768, 40, 5};
      std::vector<float> whole(40 * data.y_stride(), untouched), parts = whole;
      data.many(*table, 0, rows, whole.data(), false);
      for (std::size_t first = 0; first < rows; first += 16)
        data.many(*table, first, std::min<std::size_t>(16, rows - first), parts.data(), false);
      CHECK(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)) == 0);
    }
}

TEST_CASE("a product with many tokens has the same bits however many there are") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : {dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k}) {
      if (table->panels_times_many[model_table::at(type)] == nullptr) continue;
      INFO(std::string{table->backend}, " ", tulu::name(type));
      const std::size_t rows = table->many_rows;
      product data{type, rows, 768, 70, 6};
      std::vector<float> all(70 * data.y_stride(), untouched), some = all;
      data.many(*table, 0, rows, all.data(), false);
      for (std::size_t tokens = 1; tokens <= 13; ++tokens) {
        data.tokens = tokens;
        data.many(*table, 0, rows, some.data(), false);
        CHECK(std::memcmp(some.data(), all.data(), tokens * data.y_stride() * sizeof(float)) == 0);
      }
    }
}

/// Blocks whose levels are all the lowest or all the highest, with scales and minima of 1 and the largest of their own.
std::vector<std::byte> extreme_blocks(dtype type, std::size_t count, bool highest) {
  const std::size_t bytes = tulu::traits(type).bytes;
  std::vector<std::byte> blocks(tulu::bytes_of(type, count), highest ? std::byte{0xff} : std::byte{0});
  if (type == dtype::q8_0) std::fill(blocks.begin(), blocks.end(), highest ? std::byte{0x7f} : std::byte{0x80});
  const auto [offset, halves] = tulu::detail::halves_of(type);
  const tulu::f16 one = tulu::from_float<tulu::f16>(1);
  for (std::size_t at = 0; at < blocks.size(); at += bytes) {
    if (type == dtype::q6_k)
      std::fill_n(blocks.begin() + static_cast<std::ptrdiff_t>(at + offsetof(tulu::q6_k, scales)), 16, std::byte{0x80});
    for (std::size_t k = 0; k < halves; ++k) std::memcpy(&blocks[at + offset + k * sizeof one], &one, sizeof one);
  }
  return blocks;
}

/// All activations of the tokens alike; or those of one group, outliers whose whole numbers end in `low`, and the rest
/// 0.
void fill_activations(product& data, float value, int low) {
  for (std::size_t t = 0; t < data.tokens; ++t) {
    float* const token = data.x.floats() + t * data.x_stride();
    std::fill_n(token, data.columns, low == 0 ? value : 0.0F);
    if (low == 0) continue;
    std::fill_n(token + 32, 32, value * static_cast<float>(126 * 128 + low) / tulu::kernel::token_group::largest);
    token[32] = value;
  }
}

TEST_CASE("sums of the largest whole numbers do not wrap") {
  constexpr std::size_t columns = 1024;
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : panel_types)
      for (const bool highest : {false, true}) {
        if (table->panels_times_many[model_table::at(type)] == nullptr) continue;
        product data{type, 16, columns, few_tokens, 7};
        const auto blocks = extreme_blocks(type, 16 * columns, highest);
        tulu::kernel::pack_panels(type, blocks.data(), 16, columns, data.panels.data());
        std::vector<float> row(columns);
        tulu::decode(type, blocks.data(), row.data(), columns);
        const bool exact = tulu::to_float(tulu::from_float<tulu::bf16>(row[0])) == row[0];  // all weights are alike
        for (const float activation : {1.0F, -1.0F})
          for (const int low : {0, 63, -64}) {
            INFO(std::string{table->backend}, " ", tulu::name(type), " ", highest, " ", activation, " ", low);
            fill_activations(data, activation, low);
            const double wanted = std::inner_product(row.begin(), row.end(), data.x.floats(), 0.0);
            for (const bool many : {false, true}) {
              // bfloat16 has no place for what ends in 63 and for some weights; else less than the low bytes are worth.
              const bool in_bf16 = many && table->panel_product[model_table::at(type)] == panel_form::bf16;
              const double epsilon = in_bf16 && (low != 0 || !exact) ? 4e-3 : 1e-4;
              std::vector<float> y(few_tokens * data.y_stride());
              if (many)
                data.many(*table, 0, 16, y.data(), false);
              else
                data.few(*table, 0, 16, 0, few_tokens, y.data(), false);
              for (std::size_t t = 0; t < few_tokens; ++t)
                CHECK(static_cast<double>(y[t * data.y_stride() + 3]) == doctest::Approx(wanted).epsilon(epsilon));
            }
          }
      }
}

TEST_CASE("what is no number spoils the products it belongs to") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : panel_types) {
      if (table->panels_times_few[model_table::at(type)] == nullptr) continue;
      for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " ", bad);
        product data{type, 16, 256, few_tokens, 3};
        data.x.floats()[2 * data.x_stride() + 77] = bad;
        std::vector<float> y(few_tokens * data.y_stride());
        data.few(*table, 0, 16, 0, few_tokens, y.data(), false);
        for (std::size_t t = 0; t < few_tokens; ++t) CHECK(std::isfinite(y[t * data.y_stride() + 5]) == (t != 2));
        data.many(*table, 0, 16, y.data(), false);
        for (std::size_t t = 0; t < few_tokens; ++t) CHECK(std::isfinite(y[t * data.y_stride() + 5]) == (t != 2));
      }
    }
}
