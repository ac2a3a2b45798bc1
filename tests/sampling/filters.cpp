#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/sampling/filters.hpp>
#include <tulu/sampling/rng.hpp>

namespace {

using tulu::sampling::candidates;
using tulu::sampling::filter_workspace;
using tulu::sampling::infinity;
using ids = std::vector<std::uint32_t>;

candidates all_of(std::span<const float> logits) {
  candidates all{logits.size()};
  for (std::size_t i = 0; i < logits.size(); ++i) all.append(static_cast<std::uint32_t>(i), logits[i]);
  return all;
}

ids kept(const candidates& all) {
  return {all.ids().begin(), all.ids().end()};
}

/// Logits whose largest is 0. Those of an even `round` are sharp, of a fourth one mostly equal.
std::vector<float> random_logits(tulu::rng& generator, int round) {
  std::vector<float> logits(1 + generator.next() % 500);
  for (float& logit : logits) {
    const double spread = round % 2 == 0 ? 30 : 2;
    logit = static_cast<float>(-spread * generator.uniform());
    if (round % 4 == 3) logit = std::round(logit * 4) / 4;
    if (round % 8 == 5 && generator.uniform() < 0.3) logit = -infinity;
  }
  const float largest = *std::ranges::max_element(logits);
  for (float& logit : logits) logit -= largest;
  return logits;
}

std::vector<double> softmax(std::span<const float> logits) {
  std::vector<double> p;
  for (const float logit : logits) p.push_back(std::exp(static_cast<double>(logit)));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& one : p) one /= total;
  return p;
}

/// The ids in the order of `keys` until their probabilities reach `limit`, by a full sort. Empty when the limit is too
/// near to a running sum, or two neighbours at it are too near to each other, for float32 to decide.
ids naive_smallest(const std::vector<double>& keys, const std::vector<double>& p, double limit) {
  ids order(keys.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; });
  double reached = 0;
  std::size_t count = 0;
  while (count < order.size() && (count == 0 || reached < limit)) {
    reached += p[order[count++]];
    if (std::abs(reached - limit) < 1e-6) return {};
  }
  if (count < order.size()) {
    const double gap = keys[order[count]] - keys[order[count - 1]];
    if (gap != 0 && gap < 1e-5) return {};
  }
  order.resize(count);
  std::ranges::sort(order);
  return order;
}

}  // namespace

TEST_CASE("filters: temperature scales the distance to the largest logit") {
  std::vector<float> logits{3, 1, -infinity, -5};
  tulu::sampling::apply_temperature(logits, 3, 2);
  CHECK_EQ(logits, std::vector<float>{0, -1, -infinity, -4});
  std::vector<float> cold{1e30F, 2, 1e30F};
  tulu::sampling::apply_temperature(cold, 1e30F, 1e-30F);
  CHECK_EQ(cold, std::vector<float>{0, -infinity, 0});
}

TEST_CASE("filters: top-p keeps what a full sort keeps, lower ids first among equal logits") {
  tulu::rng generator{23};
  int compared = 0;
  for (int round = 0; round < 800; ++round) {
    const auto logits = random_logits(generator, round);
    const auto limit = static_cast<float>(round % 3 == 0 ? 0.9 + 0.1 * generator.uniform() : generator.uniform());
    const auto p = softmax(logits);
    const std::vector<double> keys = [&] {
      std::vector<double> negative;
      for (const float logit : logits) negative.push_back(-static_cast<double>(logit));
      return negative;
    }();
    const ids expected = naive_smallest(keys, p, static_cast<double>(limit));
    if (expected.empty()) continue;
    ++compared;
    candidates all = all_of(logits);
    filter_workspace work{logits.size()};
    tulu::sampling::top_p(all, limit, work);
    REQUIRE_EQ(kept(all), expected);
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE_EQ(all.logits()[i], logits[all.ids()[i]]);
  }
  CHECK(compared > 700);
}

TEST_CASE("filters: top-p keeps at least one and at 1 all") {
  const std::vector<float> logits{-1, 0, -2, 0};
  filter_workspace work{4};
  candidates one = all_of(logits);
  tulu::sampling::top_p(one, 0, work);
  CHECK_EQ(kept(one), ids{1});
  candidates both = all_of(logits);
  tulu::sampling::top_p(both, 0.5F, work);
  CHECK_EQ(kept(both), ids{1, 3});
  candidates half = all_of(std::vector<float>(4));
  tulu::sampling::top_p(half, 0.5F, work);
  CHECK_EQ(kept(half), ids{0, 1});
  candidates all = all_of(logits);
  tulu::sampling::top_p(all, 1, work);
  CHECK_EQ(all.size(), 4);
  candidates single = all_of(std::vector<float>{0});
  tulu::sampling::top_p(single, 0.1F, work);
  CHECK_EQ(kept(single), ids{0});
}

TEST_CASE("filters: min-p keeps what is at least a share of the most probable") {
  tulu::rng generator{29};
  for (int round = 0; round < 200; ++round) {
    const auto logits = random_logits(generator, round);
    const auto share = static_cast<float>(generator.uniform());
    candidates all = all_of(logits);
    tulu::sampling::min_p(all, share);
    ids expected;
    bool near = false;
    for (std::uint32_t id = 0; id < logits.size(); ++id) {
      const double relative = std::exp(static_cast<double>(logits[id]));
      near = near || std::abs(relative - static_cast<double>(share)) < 1e-6;
      if (relative >= static_cast<double>(share)) expected.push_back(id);
    }
    if (!near) REQUIRE_EQ(kept(all), expected);
  }
  candidates best = all_of(std::vector<float>{0, -0.001F, 0});
  tulu::sampling::min_p(best, 1);
  CHECK_EQ(kept(best), ids{0, 2});
  tulu::sampling::min_p(best, 0);
  CHECK_EQ(best.size(), 2);
}

TEST_CASE("filters: typical keeps what a full sort keeps, lower ids first among equal logits") {
  tulu::rng generator{31};
  int compared = 0;
  for (int round = 0; round < 800; ++round) {
    const auto logits = random_logits(generator, round);
    const auto mass = static_cast<float>(0.01 + 0.98 * generator.uniform());
    const auto p = softmax(logits);
    double entropy = 0;
    for (const double one : p) entropy -= one > 0 ? one * std::log(one) : 0;
    std::vector<double> keys;
    for (const double one : p) keys.push_back(std::abs(-std::log(one) - entropy));
    const ids expected = naive_smallest(keys, p, static_cast<double>(mass));
    if (expected.empty()) continue;
    ++compared;
    candidates all = all_of(logits);
    filter_workspace work{logits.size()};
    tulu::sampling::typical(all, mass, work);
    REQUIRE_EQ(kept(all), expected);
  }
  CHECK(compared > 600);
}

TEST_CASE("filters: typical may drop the most probable candidate") {
  // One candidate of 0.4 and 60 of 0.01: the entropy is 3.13 nats, and 0.01 (4.6 nats) is nearer to it than 0.4 (0.9).
  std::vector<float> logits(61, static_cast<float>(std::log(0.01 / 0.4)));
  logits[7] = 0;
  candidates all = all_of(logits);
  filter_workspace work{logits.size()};
  tulu::sampling::typical(all, 0.245F, work);
  ids expected(26);
  std::iota(expected.begin(), expected.end(), 0U);
  expected.erase(expected.begin() + 7);
  CHECK_EQ(kept(all), expected);
}

TEST_CASE("filters: find_cut gives the last key that is needed and the weight below it") {
  std::vector<tulu::sampling::keyed_weight> items{{3, 1}, {1, 2}, {2, 4}, {2, 8}, {5, 16}};
  const auto cut = [&](double target) { return tulu::sampling::find_cut(items, target); };
  CHECK_EQ(cut(0).key, 1);
  CHECK_EQ(cut(2).key, 1);
  CHECK_EQ(cut(2.5).key, 2);
  CHECK_EQ(cut(14).below, 2);
  CHECK_EQ(cut(14.5).key, 3);
  CHECK_EQ(cut(14.5).below, 14);
  CHECK_EQ(cut(1000).key, 5);
  CHECK_EQ(cut(1000).below, 15);
}
