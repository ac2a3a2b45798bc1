#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <support/temp_dir.hpp>

#include <tulu/sampling/penalties.hpp>

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> penalised(std::vector<float> logits, const std::vector<std::uint32_t>& history,
                             const tulu::sampling::penalties& penalty) {
  std::vector<std::uint32_t> counts(logits.size());
  tulu::sampling::apply_penalties(logits, history, penalty, counts);
  CHECK_EQ(counts, std::vector<std::uint32_t>(logits.size()));
  return logits;
}

}  // namespace

TEST_CASE("penalties: the repetition penalty divides positive logits and multiplies others, once per id") {
  CHECK_EQ(penalised({4, -4, 0, 8, 1}, {0, 1, 2, 0, 0}, {.repetition = 2}), std::vector<float>{2, -8, 0, 8, 1});
  CHECK_EQ(penalised({4, -4}, {0, 1}, {.repetition = 0.5F}), std::vector<float>{8, -2});
}

TEST_CASE("penalties: the presence penalty counts once and the frequency penalty every time") {
  CHECK_EQ(penalised({4, -4, 1}, {0, 1, 0, 0}, {.presence = 1}), std::vector<float>{3, -5, 1});
  CHECK_EQ(penalised({4, -4, 1}, {0, 1, 0, 0}, {.frequency = 1}), std::vector<float>{1, -5, 1});
  CHECK_EQ(penalised({4, -4, 1}, {0, 1, 0, 0}, {.presence = 0.5F, .frequency = -1}),
           std::vector<float>{6.5F, -3.5F, 1});
}

TEST_CASE("penalties: the repetition penalty comes before the others") {
  CHECK_EQ(penalised({4, -4}, {0, 1, 1}, {.repetition = 2, .presence = 1, .frequency = 0.5F}),
           std::vector<float>{0.5F, -10});
}

TEST_CASE("penalties: infinite logits stay infinite and neutral penalties change nothing") {
  CHECK_EQ(penalised({infinity, -infinity}, {0, 1}, {.repetition = 2, .presence = 1, .frequency = 1}),
           std::vector<float>{infinity, -infinity});
  CHECK_EQ(penalised({1, 2}, {0, 1, 7}, {}), std::vector<float>{1, 2});
  CHECK_EQ(penalised({1, 2}, {}, {.repetition = 2}), std::vector<float>{1, 2});
}

TEST_CASE("penalties: an id outside the vocabulary is refused before anything is changed") {
  std::vector<float> logits{1, 2};
  std::vector<std::uint32_t> counts(2);
  const std::vector<std::uint32_t> history{0, 2};
  CHECK_EQ(tulu::test::message_of([&] { tulu::sampling::apply_penalties(logits, history, {.repetition = 2}, counts); }),
           "history: expected an id below 2, found 2");
  CHECK_EQ(logits, std::vector<float>{1, 2});
  CHECK_EQ(counts, std::vector<std::uint32_t>{0, 0});
}

TEST_CASE("penalties: logit bias is added, twice for an id given twice, and -inf forbids") {
  std::vector<float> logits{1, 2, infinity, -infinity, 5};
  const std::vector<std::pair<std::uint32_t, float>> biases{
      {0, 0.5F}, {0, 1}, {2, -infinity}, {3, 100}, {4, -infinity}};
  tulu::sampling::add_logit_bias(logits, biases);
  CHECK_EQ(logits, std::vector<float>{2.5F, 2, -infinity, -infinity, -infinity});
  const std::vector<std::pair<std::uint32_t, float>> outside{{5, 1.0F}};
  CHECK_EQ(tulu::test::message_of([&] { tulu::sampling::add_logit_bias(logits, outside); }),
           "logit_bias: expected an id below 5, found 5");
}
