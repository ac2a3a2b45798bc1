#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/temp_dir.hpp>

#include <tulu/sampling/rng.hpp>
#include <tulu/sampling/softmax.hpp>

namespace {

using tulu::sampling::infinity;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("softmax: the largest logit is found at every place of every size") {
  for (std::size_t size = 1; size <= 100; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<float> logits(size, -2.0F);
      logits[at] = -1.0F;
      REQUIRE_EQ(tulu::sampling::checked_max(logits), -1.0F);
      logits[at] = infinity;
      REQUIRE_EQ(tulu::sampling::checked_max(logits), infinity);
    }
  }
}

TEST_CASE("softmax: a NaN is refused wherever it stands, with its id") {
  for (std::size_t size = 1; size <= 100; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<float> logits(size, 1.0F);
      logits[at] = not_a_number;
      REQUIRE_EQ(tulu::test::message_of([&] { (void)tulu::sampling::checked_max(logits); }),
                 "logits: id " + std::to_string(at) + ": expected a number, found NaN");
    }
  }
}

TEST_CASE("softmax: logits without a value above -inf are refused") {
  CHECK_EQ(tulu::test::message_of([] { (void)tulu::sampling::checked_max({}); }),
           "logits: expected a value above -inf, found no logits");
  const std::vector<float> none(40, -infinity);
  CHECK_EQ(tulu::test::message_of([&] { (void)tulu::sampling::checked_max(none); }),
           "logits: expected a value above -inf, found -inf for every id, after logit bias and penalties");
}

TEST_CASE("softmax: exp_nonpositive is within two units in the last place of exp, and 0 far below") {
  double worst = 0;
  for (float x = 0; x > -87.0F; x -= 0.000731F) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(tulu::sampling::exp_nonpositive(x)) - exact) / exact);
  }
  CHECK(worst < 2 * std::pow(2.0, -23));
  CHECK_EQ(tulu::sampling::exp_nonpositive(0.0F), 1.0F);
  CHECK_EQ(tulu::sampling::exp_nonpositive(-0.0F), 1.0F);
  for (const float x : {-87.7F, -88.0F, -89.0F, -1000.0F, -1e30F, -infinity})
    CHECK_EQ(tulu::sampling::exp_nonpositive(x), 0.0F);
}

TEST_CASE("softmax: sum adds every value once at every size") {
  for (std::size_t size = 0; size <= 1100; size += 7) {
    std::vector<float> values(size);
    for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(i + 1);
    REQUIRE_EQ(tulu::sampling::sum(values), static_cast<double>(size * (size + 1) / 2));
  }
}

TEST_CASE("softmax: log-probabilities are those of the softmax in float64") {
  tulu::rng generator{11};
  for (const std::size_t size : {1U, 2U, 31U, 256U, 257U, 5000U}) {
    std::vector<float> logits(size);
    for (float& logit : logits) logit = static_cast<float>(generator.uniform() * 40 - 20);
    const float largest = tulu::sampling::checked_max(logits);
    const double log_sum = tulu::sampling::log_sum_exp_above(logits, largest);
    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit));
    for (const float logit : logits) {
      const double exact = static_cast<double>(logit) - std::log(total);
      REQUIRE(std::abs(static_cast<double>(tulu::sampling::log_probability(logit, largest, log_sum)) - exact) < 4e-6);
    }
    CHECK_EQ(tulu::sampling::log_probability(-infinity, largest, log_sum), -infinity);
  }
}

TEST_CASE("softmax: logits of +inf share all probability") {
  const std::vector<float> logits{1, infinity, -infinity, infinity};
  const double log_sum = tulu::sampling::log_sum_exp_above(logits, infinity);
  CHECK(tulu::sampling::log_probability(infinity, infinity, log_sum) == doctest::Approx(std::log(0.5)));
  CHECK_EQ(tulu::sampling::log_probability(1, infinity, log_sum), -infinity);
  CHECK_EQ(tulu::sampling::log_probability(-infinity, infinity, log_sum), -infinity);
}

TEST_CASE("softmax: pick takes the index at which the running sum exceeds the number") {
  const std::vector<float> weights{0, 1, 0, 2, 1, 0};
  CHECK_EQ(tulu::sampling::pick(weights, 0), 1);
  CHECK_EQ(tulu::sampling::pick(weights, 0.2499), 1);
  CHECK_EQ(tulu::sampling::pick(weights, 0.25), 3);
  CHECK_EQ(tulu::sampling::pick(weights, 0.7499), 3);
  CHECK_EQ(tulu::sampling::pick(weights, 0.75), 4);
  CHECK_EQ(tulu::sampling::pick(weights, 1 - 0x1p-53), 4);
  CHECK_EQ(tulu::sampling::pick(std::vector<float>(2 * tulu::sampling::sum_block_size, 1.0F), 0.5),
           tulu::sampling::sum_block_size);
  for (std::size_t size = 1; size < 2000; size += 113) {
    std::vector<float> equal(size, 0.25F);
    for (std::size_t i = 0; i < size; ++i) {
      const double inside = (static_cast<double>(i) + 0.5) / static_cast<double>(size);
      REQUIRE_EQ(tulu::sampling::pick(equal, inside), i);
    }
  }
}

TEST_CASE("softmax: pick never takes an index of weight 0, whatever rounding does") {
  tulu::rng generator{13};
  for (int round = 0; round < 200; ++round) {
    std::vector<float> weights(1 + generator.next() % 700);
    for (float& weight : weights)
      weight = generator.uniform() < 0.5 ? 0.0F : static_cast<float>(std::exp(-60 * generator.uniform()));
    weights[generator.next() % weights.size()] = 1e-9F;
    for (const double uniform : {0.0, generator.uniform(), 0.999999999, 1 - 0x1p-53})
      REQUIRE(weights[tulu::sampling::pick(weights, uniform)] > 0);
  }
}
