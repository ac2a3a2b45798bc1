#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kv_scene.hpp"

namespace {

using tulu::dtype;
using tulu::kernel::attention_shape;
using tulu::kernel::model_table;
using tulu::test::elements;
using tulu::test::kv_panels;
using tulu::test::unit;
using tulu::test::worst_ratio;

/// Queries of some tokens and heads, keys and values of the positions that the last token sees. Behind those the panels
/// have NaN, and between the rows of queries, and of results, lie a few floats more.
struct scene {
  scene(const model_table& kernels, dtype type, std::size_t heads, std::size_t head_dim, std::size_t positions,
        float query_size, unsigned seed, std::size_t tokens = 1)
      : table{&kernels},
        kind{type},
        shape{heads, head_dim, positions, 1 / std::sqrt(static_cast<float>(head_dim)), tokens, heads * head_dim + 3},
        queries{dtype::f32, tokens * shape.token_stride, 1},
        cache{type, head_dim, positions + tokens - 1} {
    std::mt19937 generator{seed};
    std::normal_distribution<float> normal;
    queries.fill_normal(generator, query_size);
    std::vector<float> key(head_dim), value(head_dim);
    for (std::size_t p = 0; p < positions + tokens - 1; ++p) {
      for (float& each : key) each = normal(generator);
      for (float& each : value) each = normal(generator);
      cache.store(kernels, p, key.data(), value.data());
    }
  }

  void set(std::size_t position, const std::vector<float>& key, const std::vector<float>& value) {
    cache.store(*table, position, key.data(), value.data());
  }

  /// The results of heads [first, first + count) of all tokens, [token][head][head_dim].
  std::vector<float> run(std::size_t first, std::size_t count) {
    attention_shape part = shape;
    part.heads = count;
    part.block_stride = cache.block_stride();
    elements scratch{dtype::f32, tulu::kernel::attention_scratch(count, shape.head_dim)};
    scratch.fill(NAN);
    std::vector<float> padded(shape.tokens * shape.token_stride, 7), out;
    table->attend[model_table::cache_at(kind)](queries.floats() + first * shape.head_dim, cache.keys(), cache.values(),
                                               part, padded.data(), scratch.floats());
    bool untouched = true;
    for (std::size_t i = 0; i < padded.size(); ++i) {
      if (i % shape.token_stride < count * shape.head_dim)
        out.push_back(padded[i]);
      else
        untouched = untouched && padded[i] == 7;
    }
    REQUIRE(untouched);
    return out;
  }
  std::vector<float> run() { return run(0, shape.heads); }

  /// The results of each token alone.
  std::vector<float> run_steps() {
    std::vector<float> all;
    scene step = *this;
    step.shape.tokens = 1;
    for (std::size_t t = 0; t < shape.tokens; ++t, ++step.shape.positions) {
      std::memcpy(step.queries.floats(), queries.floats() + t * shape.token_stride, shape.token_stride * sizeof(float));
      const std::vector<float> one = step.run();
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }

  scene(const scene& other)
      : table{other.table},
        kind{other.kind},
        shape{other.shape},
        queries{dtype::f32, shape.token_stride, 1},
        cache{other.cache} {}

  /// Σ softmax(scale × q · k) × v in double, and a bound for what float32 makes of it. A score is off by at most
  /// δ = (head_dim + 4) u scale Σ |q k|; a weight then by a factor of exp(2δ); exp, the sums over positions and the
  /// corrections of the running maximum add (positions + 17) u.
  void compare(const std::vector<float>& found, worst_ratio& worst) {
    for (std::size_t t = 0; t < shape.tokens; ++t)
      for (std::size_t head = 0; head < shape.heads; ++head) compare(found, worst, t, head);
  }

  void compare(const std::vector<float>& found, worst_ratio& worst, std::size_t token, std::size_t head) {
    const std::size_t size = shape.head_dim, positions = shape.positions + token;
    std::vector<double> weights;
    double off = 0, total = 0;
    for (std::size_t p = 0; p < positions; ++p) {
      double score = 0, magnitude = 0;
      for (std::size_t d = 0; d < size; ++d) {
        const double term = queries[token * shape.token_stride + head * size + d] * cache.key(p, d);
        score += term;
        magnitude += std::abs(term);
      }
      weights.push_back(score * static_cast<double>(shape.scale));
      off = std::max(off, static_cast<double>(size + 4) * unit * magnitude * static_cast<double>(shape.scale));
    }
    const double largest = *std::max_element(weights.begin(), weights.end());
    for (double& weight : weights) total += weight = std::exp(weight - largest);
    const double relative = std::expm1(2 * off) + static_cast<double>(positions + 17) * unit;
    for (std::size_t d = 0; d < size; ++d) {
      double wanted = 0, magnitude = 0;
      for (std::size_t p = 0; p < positions; ++p) {
        wanted += weights[p] / total * cache.value(p, d);
        magnitude += weights[p] / total * std::abs(cache.value(p, d));
      }
      worst.see(static_cast<double>(found[(token * shape.heads + head) * size + d]), wanted,
                relative * magnitude + 1e-30);
    }
  }

  const model_table* table;
  dtype kind;
  attention_shape shape;
  elements queries;
  kv_panels cache;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Body>
void for_all(const Body& body) {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::cache_types) {
      INFO(std::string{table->backend}, " ", std::string{tulu::name(type)});
      body(*table, type);
    }
}

}  // namespace

TEST_CASE("attention is the softmax of double precision within its bound, for 1 to 200 positions") {
  for_all([](const model_table& table, dtype type) {
    worst_ratio worst;
    for (std::size_t positions = 1; positions <= 200; positions += positions < 70 || positions > 188 ? 1 : 7)
      for (const std::size_t head_dim : {2U, 10U, 16U, 34U}) {
        scene data{table, type, 2, head_dim, positions, 2, static_cast<unsigned>(positions)};
        data.compare(data.run(), worst);
      }
    CHECK(worst.value() <= 1);
  });
}

TEST_CASE("attention is the softmax of double precision within its bound, for heads of 2 to 256") {
  for_all([](const model_table& table, dtype type) {
    worst_ratio worst;
    for (std::size_t head_dim = 2; head_dim <= 256; head_dim += head_dim < 70 || head_dim > 248 ? 2 : 22)
      for (const std::size_t positions : {1U, 5U, 67U}) {
        scene data{table, type, head_dim % 3 + 1, head_dim, positions, 1, static_cast<unsigned>(head_dim)};
        data.compare(data.run(), worst);
      }
    CHECK(worst.value() <= 1);
  });
}

TEST_CASE("a head has the same bits alone and in a group") {
  for_all([](const model_table& table, dtype type) {
    for (const std::size_t positions : {1U, 4U, 16U, 63U, 64U, 65U, 130U}) {
      INFO("positions ", positions);
      scene data{table, type, 7, 24, positions, 2, static_cast<unsigned>(positions)};
      std::vector<float> alone;
      for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 2}, {3, 3}, {6, 1}})
        for (const float value : data.run(first, count)) alone.push_back(value);
      CHECK(same_bits(data.run(), alone));
    }
  });
}

TEST_CASE("many tokens at once give what each gives alone") {
  struct example {
    std::size_t heads, head_dim, positions, tokens;
  };
  for_all([](const model_table& table, dtype type) {
    for (const example& each : {example{1, 16, 1, 2},
                                {1, 34, 1, 61},
                                {3, 64, 1, 45},
                                {8, 10, 15, 9},
                                {1, 80, 17, 130},
                                {2, 130, 64, 35},
                                {70, 16, 60, 3},
                                {1, 24, 63, 2},
                                {4, 2, 129, 64}}) {
      INFO("heads ", each.heads, " of ", each.head_dim, " positions ", each.positions, " tokens ", each.tokens);
      scene data{table, type, each.heads, each.head_dim, each.positions, 1, 17, each.tokens};
      const std::vector<float> found = data.run();
      worst_ratio worst;
      data.compare(found, worst);
      CHECK(worst.value() <= 1);
      CHECK(same_bits(found, data.run_steps()));
    }
  });
}

TEST_CASE("one position gives its value, equal scores the mean, a score far above the rest its own value") {
  for (const model_table* table : tulu::test::usable_models()) {
    INFO(std::string{table->backend});
    scene one{*table, dtype::f32, 1, 6, 1, 1, 1};
    const std::vector<float> only = one.run();
    for (std::size_t d = 0; d < 6; ++d) CHECK(static_cast<double>(only[d]) == one.cache.value(0, d));

    for (const std::size_t tokens : {1U, 2U}) {
      scene equal{*table, dtype::f32, 1, 2, 128, 1, 2, tokens};
      for (std::size_t p = 0; p < 128; ++p) equal.set(p, {0, 0}, {static_cast<float>(p), 0});
      CHECK(equal.run()[0] == doctest::Approx(63.5).epsilon(1e-6));

      // Scores of up to ±1e5: later blocks raise the maximum by far, and nothing overflows.
      scene wide{*table, dtype::f32, 1, 2, 150, 1, 3, tokens};
      wide.queries.fill(1000);
      for (std::size_t p = 0; p < 150; ++p)
        wide.set(p, {p == 149 ? 200.0F : static_cast<float>(p) - 75, 0}, {static_cast<float>(p), 1});
      CHECK(wide.run()[0] == 149);
    }
  }
}

TEST_CASE("what lies behind the last position is not looked at, whatever it is") {
  for_all([](const model_table& table, dtype type) {
    for (const std::size_t tokens : {1U, 13U}) {
      scene data{table, type, 2, 18, 66, 1, 4, tokens};
      const std::vector<float> before = data.run();
      for (const float value : {INFINITY, NAN, 3e38F, 1.0F}) {
        for (std::size_t p = 66 + tokens - 1; p < 80; ++p)
          data.set(p, std::vector<float>(18, value), std::vector<float>(18, value));
        CHECK(same_bits(data.run(), before));
      }
    }
  });
}

TEST_CASE("a cache of bytes is within a hundredth of one of floats") {
  // A key is off by at most 1/254 of its largest element in each dimension, independently; a value likewise.
  for (const model_table* table : tulu::test::usable_models()) {
    INFO(std::string{table->backend});
    double worst = 0;
    for (unsigned seed = 0; seed < 10; ++seed) {
      scene precise{*table, dtype::f32, 2, 64, 300, 1, seed, 20}, bytes{*table, dtype::q8_0, 2, 64, 300, 1, seed, 20};
      const std::vector<float> wanted = precise.run(), found = bytes.run();
      double off = 0, size = 0;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        off += std::pow(static_cast<double>(found[i] - wanted[i]), 2);
        size += std::pow(static_cast<double>(wanted[i]), 2);
      }
      worst = std::max(worst, std::sqrt(off / size));
    }
    CHECK(worst > 0);
    CHECK(worst < 0.01);
  }
}
