#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/attention.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::attention_shape;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::unit;
using tulu::test::worst_ratio;

/// Queries of some heads, keys and values of the positions they see.
struct scene {
  scene(dtype type, std::size_t heads, std::size_t head_dim, std::size_t positions, float query_size, unsigned seed)
      : kind{type},
        shape{heads, head_dim, (head_dim + 15) / 16 * 16, positions, 1 / std::sqrt(static_cast<float>(head_dim))},
        queries{dtype::f32, heads * head_dim, 1},
        keys{type, positions * shape.stride, 1},
        values{type, positions * shape.stride, 1} {
    std::mt19937 generator{seed};
    queries.fill_normal(generator, query_size);
    for (elements* rows : {&keys, &values}) {
      rows->fill_normal(generator);
      for (std::size_t i = 0; i < rows->count(); ++i)
        if (i % shape.stride >= head_dim) rows->set(i, 0);
    }
  }

  /// The results of heads [first, first + count).
  std::vector<float> run(const model_table& table, std::size_t first, std::size_t count) {
    attention_shape part = shape;
    part.heads = count;
    elements scratch{dtype::f32, tulu::kernel::attention_scratch(count, shape.stride)};
    scratch.fill(NAN);
    std::vector<float> out(count * shape.head_dim);
    table.attend[model_table::at(kind)](queries.floats() + first * shape.head_dim, keys.data(), values.data(), part,
                                        out.data(), scratch.floats());
    return out;
  }

  /// Σ softmax(scale × q · k) × v in double, and a bound for what float32 makes of it. A score is off by at most
  /// δ = (head_dim + 3) u scale Σ |q k|; a weight then by a factor of exp(2δ); exp, the sums over positions and the
  /// corrections of the running maximum add (positions + 16) u.
  void compare(const std::vector<float>& found, worst_ratio& worst) {
    const std::size_t size = shape.head_dim;
    for (std::size_t head = 0; head < shape.heads; ++head) {
      std::vector<double> weights;
      double off = 0, total = 0;
      for (std::size_t p = 0; p < shape.positions; ++p) {
        double score = 0, magnitude = 0;
        for (std::size_t d = 0; d < size; ++d) {
          const double term = queries[head * size + d] * keys[p * shape.stride + d];
          score += term;
          magnitude += std::abs(term);
        }
        weights.push_back(score * static_cast<double>(shape.scale));
        off = std::max(off, static_cast<double>(size + 3) * unit * magnitude * static_cast<double>(shape.scale));
      }
      const double largest = *std::max_element(weights.begin(), weights.end());
      for (double& weight : weights) total += weight = std::exp(weight - largest);
      const double relative = std::expm1(2 * off) + static_cast<double>(shape.positions + 16) * unit;
      for (std::size_t d = 0; d < size; ++d) {
        double wanted = 0, magnitude = 0;
        for (std::size_t p = 0; p < shape.positions; ++p) {
          wanted += weights[p] / total * values[p * shape.stride + d];
          magnitude += weights[p] / total * std::abs(values[p * shape.stride + d]);
        }
        worst.see(static_cast<double>(found[head * size + d]), wanted, relative * magnitude + 1e-30);
      }
    }
  }

  dtype kind;
  attention_shape shape;
  elements queries, keys, values;
};

}  // namespace

TEST_CASE("attention is the softmax of double precision within its bound, for 1 to 200 positions") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      for (std::size_t positions = 1; positions <= 200; positions += positions < 70 || positions > 188 ? 1 : 7)
        for (const std::size_t head_dim : {2U, 10U, 16U, 34U}) {
          scene data{type, 2, head_dim, positions, 2, static_cast<unsigned>(positions)};
          data.compare(data.run(*table, 0, 2), worst);
        }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("attention is the softmax of double precision within its bound, for heads of 2 to 256") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      worst_ratio worst;
      for (std::size_t head_dim = 2; head_dim <= 256; head_dim += head_dim < 70 || head_dim > 248 ? 2 : 22)
        for (const std::size_t positions : {1U, 5U, 67U}) {
          scene data{type, 1, head_dim, positions, 1, static_cast<unsigned>(head_dim)};
          data.compare(data.run(*table, 0, 1), worst);
        }
      INFO(std::string{table->backend}, " ", tulu::name(type));
      CHECK(worst.value() <= 1);
    }
}

TEST_CASE("a head has the same bits alone and in a group") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types)
      for (const std::size_t positions : {1U, 4U, 63U, 64U, 65U, 130U}) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " positions ", positions);
        scene data{type, 7, 24, positions, 2, static_cast<unsigned>(positions)};
        const std::vector<float> grouped = data.run(*table, 0, 7);
        std::vector<float> alone;
        for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 2}, {3, 4}})
          for (const float value : data.run(*table, first, count)) alone.push_back(value);
        CHECK(std::memcmp(grouped.data(), alone.data(), grouped.size() * sizeof(float)) == 0);
      }
}

TEST_CASE("one position gives its value, equal scores the mean, a score far above the rest its own value") {
  for (const model_table* table : tulu::test::usable_models()) {
    INFO(std::string{table->backend});
    scene one{dtype::f32, 1, 6, 1, 1, 1};
    const std::vector<float> only = one.run(*table, 0, 1);
    for (std::size_t d = 0; d < 6; ++d) CHECK(static_cast<double>(only[d]) == one.values[d]);

    scene equal{dtype::f32, 1, 2, 128, 1, 2};
    equal.keys.fill(0);
    equal.values.fill(0);
    for (std::size_t p = 0; p < 128; ++p) equal.values.set(p * 16, static_cast<float>(p));
    CHECK(equal.run(*table, 0, 1)[0] == doctest::Approx(63.5).epsilon(1e-6));

    // Scores of up to ±1e5: later blocks raise the maximum by far, and nothing overflows.
    scene wide{dtype::f32, 1, 2, 150, 1, 3};
    wide.queries.fill(1000);
    for (std::size_t p = 0; p < 150; ++p) wide.keys.set(p * 16, p == 149 ? 200.0F : static_cast<float>(p) - 75);
    const std::vector<float> last = wide.run(*table, 0, 1);
    CHECK(static_cast<double>(last[0]) == wide.values[149 * 16]);
  }
}

TEST_CASE("what lies behind the last position is not looked at") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::weight_types) {
      INFO(std::string{table->backend}, " ", tulu::name(type));
      scene data{type, 2, 16, 70, 1, 4};
      data.shape.positions = 66;
      const std::vector<float> before = data.run(*table, 0, 2);
      for (std::size_t i = 66 * 16; i < 70 * 16; ++i) {
        data.keys.set(i, NAN);
        data.values.set(i, NAN);
      }
      const std::vector<float> after = data.run(*table, 0, 2);
      CHECK(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) == 0);
    }
}
