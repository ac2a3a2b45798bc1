#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/sampling/candidates.hpp>
#include <tulu/sampling/rng.hpp>

namespace {

using tulu::sampling::infinity;

/// Random logits with many equal ones when `distinct` is small.
std::vector<float> random_logits(tulu::rng& generator, std::size_t size, std::uint64_t distinct) {
  std::vector<float> logits(size);
  for (float& logit : logits) logit = static_cast<float>(generator.next() % distinct) / 8 - 3;
  return logits;
}

std::vector<std::uint32_t> selected(const std::vector<float>& logits, std::size_t top_k) {
  tulu::sampling::candidates found{logits.size()};
  std::vector<float> scratch(logits.size());
  tulu::sampling::select_candidates(logits, tulu::sampling::checked_max(logits), top_k, found, scratch);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const float logit = logits[found.ids()[i]];
    CHECK_EQ(found.logits()[i], logit == infinity ? 0.0F : logit);
  }
  return {found.ids().begin(), found.ids().end()};
}

}  // namespace

TEST_CASE("candidates: nth_largest is what a full sort finds") {
  tulu::rng generator{17};
  for (int round = 0; round < 300; ++round) {
    auto logits = random_logits(generator, 1 + generator.next() % 600, round % 2 == 0 ? 9 : 1'000'000);
    if (round % 5 == 0) std::ranges::sort(logits);
    if (round % 5 == 1) std::ranges::sort(logits, std::greater{});
    if (round % 7 == 0) logits[0] = -infinity;
    auto sorted = logits;
    std::ranges::sort(sorted, std::greater{});
    std::vector<float> scratch(logits.size());
    for (const std::size_t count : {std::size_t{1}, 1 + generator.next() % logits.size(), logits.size()})
      REQUIRE_EQ(tulu::sampling::nth_largest(logits, count, scratch), sorted[count - 1]);
  }
}

TEST_CASE("candidates: top-k keeps what a full sort keeps, lower ids first among equal logits") {
  tulu::rng generator{19};
  for (int round = 0; round < 300; ++round) {
    const auto logits = random_logits(generator, 1 + generator.next() % 400, round % 2 == 0 ? 5 : 1'000'000);
    std::vector<std::uint32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) { return logits[a] > logits[b]; });
    const std::size_t top_k = 1 + generator.next() % (logits.size() + 3);
    order.resize(std::min(top_k, order.size()));
    std::ranges::sort(order);
    REQUIRE_EQ(selected(logits, top_k), order);
  }
}

TEST_CASE("candidates: ids at -inf are no candidates, and those at +inf are the only ones") {
  using ids = std::vector<std::uint32_t>;
  CHECK_EQ(selected({-infinity, 1, -infinity, 2}, 0), ids{1, 3});
  CHECK_EQ(selected({-infinity, 1, -infinity, 2}, 3), ids{1, 3});
  CHECK_EQ(selected({-infinity, 1, -infinity, 2}, 1), ids{3});
  CHECK_EQ(selected({infinity, 1, -infinity, infinity}, 0), ids{0, 3});
  CHECK_EQ(selected({infinity, 1, -infinity, infinity}, 3), ids{0, 3});
  CHECK_EQ(selected({infinity, 1, -infinity, infinity}, 1), ids{0});
  CHECK_EQ(selected({std::numeric_limits<float>::lowest(), -infinity}, 0), ids{0});
}

TEST_CASE("candidates: keep_if keeps order and asks once for each candidate") {
  tulu::sampling::candidates all{5};
  for (std::uint32_t id = 0; id < 5; ++id) all.append(10 + id, static_cast<float>(id));
  std::vector<std::size_t> asked;
  all.keep_if([&](std::size_t i) {
    asked.push_back(i);
    return i % 2 == 0;
  });
  CHECK_EQ(asked, std::vector<std::size_t>{0, 1, 2, 3, 4});
  CHECK_EQ(std::vector<std::uint32_t>(all.ids().begin(), all.ids().end()), std::vector<std::uint32_t>{10, 12, 14});
  CHECK_EQ(std::vector<float>(all.logits().begin(), all.logits().end()), std::vector<float>{0, 2, 4});
  CHECK_EQ(all.capacity(), 5);
}
