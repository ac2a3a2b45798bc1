#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <tulu/sampling/candidates.hpp>
#include <tulu/sampling/softmax.hpp>

namespace tulu::sampling {

/// A candidate as `top_p` and `typical` see it: those with the smallest keys are kept.
struct keyed_weight {
  float key;
  float weight;
};

/// Scratch for the filters, made once for as many candidates as there can be.
struct filter_workspace {
  explicit filter_workspace(std::size_t capacity) : weights(capacity), keys(capacity), order(capacity) {}

  std::vector<float> weights;
  std::vector<float> keys;
  std::vector<keyed_weight> order;
};

/// Where the smallest keys whose weights reach a sum end: the last key that is needed, and the sum of the weights with
/// smaller keys.
struct weight_cut {
  float key;
  double below;
};

/// The cut of `items`, which are not empty and which it reorders, at the weight `target`. Expected linear time: halves
/// by std::nth_element instead of a sort.
[[nodiscard]] inline weight_cut find_cut(std::span<keyed_weight> items, double target) {
  const auto by_key = [](const keyed_weight& a, const keyed_weight& b) { return a.key < b.key; };
  const auto at = [&](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
  std::size_t first = 0, last = items.size();
  double before = 0;
  while (last - first > 1) {
    const std::size_t middle = first + (last - first) / 2;
    std::nth_element(at(first), at(middle), at(last), by_key);
    double half = 0;
    for (std::size_t i = first; i < middle; ++i) half += static_cast<double>(items[i].weight);
    if (before + half >= target) {
      last = middle;
    } else {
      before += half;
      first = middle;
    }
  }
  weight_cut cut{items[first].key, 0};
  for (const keyed_weight& item : items)
    if (item.key < cut.key) cut.below += static_cast<double>(item.weight);
  return cut;
}

/// Keeps the candidates with the smallest keys until their weights reach `target` ≥ 0, lower ids first among equal
/// keys; at least one. `keys`, `weights` and `order` of `work` hold what belongs to the candidates, in their order.
inline void keep_smallest(candidates& all, filter_workspace& work, double target) {
  const auto items = std::span{work.order}.first(all.size());
  const weight_cut cut = find_cut(items, target);
  double reached = cut.below;
  bool none = std::ranges::none_of(items, [&](const keyed_weight& item) { return item.key < cut.key; });
  all.keep_if([&](std::size_t i) {
    if (work.keys[i] != cut.key) return work.keys[i] < cut.key;
    if (!none && reached >= target) return false;
    none = false;
    reached += static_cast<double>(work.weights[i]);
    return true;
  });
}

/// Drops the candidates that `possible(key, weight)` rules out, and sets `order`, `keys` and `weights` of `work` for
/// the others. Before, `weights` hold those of all candidates; key_of(i) gives their keys.
template <class Key, class Possible>
void rule_out(candidates& all, filter_workspace& work, Key key_of, Possible possible) {
  std::size_t count = 0;
  all.keep_if([&](std::size_t i) {
    const keyed_weight item{key_of(i), work.weights[i]};
    if (!possible(item.key, item.weight)) return false;
    work.keys[count] = item.key;
    work.weights[count] = item.weight;
    work.order[count++] = item;
    return true;
  });
}

/// Divides what each logit lies below the largest by `temperature` > 0, however small: the largest becomes 0, and the
/// softmax is that of logit / temperature.
inline void apply_temperature(std::span<float> logits, float largest, float temperature) noexcept {
  for (float& logit : logits) logit = (logit - largest) / temperature;
}

/// Nucleus sampling (Holtzman et al. 2019) as transformers' TopPLogitsWarper: keeps the fewest most probable candidates
/// whose probabilities reach `p` in [0, 1]; at least one. The largest logit is 0.
inline void top_p(candidates& all, float p, filter_workspace& work) {
  if (p >= 1 || all.size() < 2) return;
  const auto logits = all.logits();
  const auto weights = std::span{work.weights}.first(all.size());
  const double total = softmax_weights(logits, 0, weights);
  // The candidates below this weight, even all of them, have less than 1 - p together: none is kept.
  const double negligible = (1 - static_cast<double>(p)) / static_cast<double>(all.size()) * total;
  const auto least = static_cast<float>(negligible * 0.999);
  rule_out(
      all, work, [&](std::size_t i) { return -logits[i]; }, [&](float, float weight) { return weight >= least; });
  keep_smallest(all, work, static_cast<double>(p) * total);
}

/// Keeps the candidates that are at least `min_p` in [0, 1] times as probable as the most probable one, as
/// transformers' MinPLogitsWarper. The largest logit is 0.
inline void min_p(candidates& all, float min_p) noexcept {
  if (min_p <= 0) return;
  const float least = std::log(min_p);
  const auto logits = all.logits();
  all.keep_if([&](std::size_t i) { return logits[i] >= least; });
}

/// Locally typical sampling (Meister et al. 2022) as transformers' TypicalLogitsWarper: keeps the fewest candidates
/// whose information content is nearest to the entropy and whose probabilities reach `mass` in (0, 1]. The largest
/// logit is 0.
inline void typical(candidates& all, float mass, filter_workspace& work) {
  if (mass >= 1 || all.size() < 2) return;
  const auto logits = all.logits();
  const auto weights = std::span{work.weights}.first(all.size());
  const auto keys = std::span{work.keys}.first(all.size());
  const double total = softmax_weights(logits, 0, weights);
  for (std::size_t i = 0; i < all.size(); ++i) keys[i] = weights[i] > 0 ? weights[i] * logits[i] : 0.0F;
  // Information is log(total) - logit and the entropy is its mean, so they differ by the mean logit minus the logit.
  const double mean = sum(keys) / total;
  const double entropy = std::log(total) - mean;
  // A candidate whose information is over twice the entropy is farther from it than all that have less information.
  // Those of them below the weight that follows have less than 1 - mass together: none is kept.
  const double negligible = (1 - static_cast<double>(mass)) / static_cast<double>(all.size()) * total;
  const auto least = static_cast<float>(negligible * 0.999);
  const auto farthest = static_cast<float>(entropy * 1.001);
  rule_out(
      all, work, [&](std::size_t i) { return std::abs(static_cast<float>(mean) - logits[i]); },
      [&](float key, float weight) { return weight >= least || key <= farthest; });
  keep_smallest(all, work, static_cast<double>(mass) * total);
}

}  // namespace tulu::sampling
