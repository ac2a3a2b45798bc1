#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/sampling/candidates.hpp>
#include <tulu/sampling/filters.hpp>
#include <tulu/sampling/options.hpp>
#include <tulu/sampling/penalties.hpp>
#include <tulu/sampling/rng.hpp>
#include <tulu/sampling/softmax.hpp>

namespace tulu {

struct token_probability {
  std::uint32_t id;
  float logprob;
};

/// A chosen token. Log-probabilities are natural logarithms of the softmax of the model's own logits, before bias,
/// penalties, temperature and filters: what the model said, not the chance that the token had to be drawn.
struct sampled_token {
  std::uint32_t id;
  /// NaN when neither `want_logprob` nor `top_logprobs` asked for it.
  float logprob;
  /// The `top_logprobs` most probable tokens of the model, best first, lower ids first among equals; valid until the
  /// sampler is used again or ends.
  std::span<const token_probability> top;
};

/// Chooses tokens. The steps, in the order of transformers' generate: logit bias, repetition penalty, presence and
/// frequency penalty; then with temperature 0 the largest logit, else temperature, top-k, top-p, min-p, typical, and a
/// draw in the order of ids. A logit of +inf leaves only the ids that have it, equally likely.
///
/// All memory is taken by the constructor and `set_options`; `sample` allocates nothing.
class sampler {
 public:
  /// `vocabulary_size` is the number of logits. Throws when an option or the size is out of range.
  sampler(sampling_options options, std::size_t vocabulary_size)
      : generator_{options.seed},
        adjusted_(checked_size(vocabulary_size)),
        scratch_(vocabulary_size),
        counts_(vocabulary_size),
        candidates_{vocabulary_size},
        filters_{vocabulary_size} {
    set_options(std::move(options));
  }

  /// The next token after `history`, the ids that the penalties count. Throws when the logits have another size than
  /// the vocabulary, hold a NaN or nothing above -inf, or when an id of the history is not below the vocabulary's size
  /// and a penalty is asked for. Draws one number of the generator, none when greedy.
  [[nodiscard]] sampled_token sample(std::span<const float> logits, std::span<const std::uint32_t> history) {
    check_size(logits);
    const std::span<const float> adjusted = adjust(logits, history);
    const float largest = sampling::checked_max(adjusted);
    std::uint32_t id = 0;
    if (options_.temperature == 0) {
      id = static_cast<std::uint32_t>(std::ranges::find(adjusted, largest) - adjusted.begin());
    } else {
      filter(adjusted, largest);
      const auto weights = std::span{scratch_}.first(candidates_.size());
      sampling::softmax_weights(candidates_.logits(), 0, weights);
      id = candidates_.ids()[sampling::pick(weights, generator_.uniform())];
    }
    return report(logits, id);
  }

  /// What `sample` would draw from: the ids with logits whose largest is 0 and whose softmax is their probability.
  /// Valid until the sampler is used again. With temperature 0 nothing but the token that `sample` gives.
  [[nodiscard]] const sampling::candidates& candidates(std::span<const float> logits,
                                                       std::span<const std::uint32_t> history) {
    check_size(logits);
    const std::span<const float> adjusted = adjust(logits, history);
    const float largest = sampling::checked_max(adjusted);
    filter(adjusted, largest);
    return candidates_;
  }

  [[nodiscard]] std::size_t vocabulary_size() const noexcept { return adjusted_.size(); }
  [[nodiscard]] const sampling_options& options() const noexcept { return options_; }

  /// Other options from the next token on. The generator goes on: a new seed takes effect by `generator() = rng{seed}`.
  /// Throws when one is out of range, and keeps the old ones.
  void set_options(sampling_options options) {
    check(options);
    for (const auto& entry : options.logit_bias)
      if (entry.first >= vocabulary_size())
        throw mismatch_error("logit_bias", "", "an id below " + std::to_string(vocabulary_size()),
                             std::to_string(entry.first));
    top_.resize(std::min(options.top_logprobs, vocabulary_size()));
    options_ = std::move(options);
  }

  /// Its state can be saved, and set by assignment.
  [[nodiscard]] rng& generator() noexcept { return generator_; }
  [[nodiscard]] const rng& generator() const noexcept { return generator_; }

 private:
  [[nodiscard]] static std::size_t checked_size(std::size_t vocabulary_size) {
    if (vocabulary_size == 0 || vocabulary_size > std::numeric_limits<std::uint32_t>::max())
      throw mismatch_error("vocabulary size", "", "1 to 2^32 - 1", std::to_string(vocabulary_size));
    return vocabulary_size;
  }
  void check_size(std::span<const float> logits) const {
    if (logits.size() != vocabulary_size())
      throw mismatch_error("logits", "", std::to_string(vocabulary_size()) + " values", std::to_string(logits.size()));
  }

  /// The logits after bias and penalties: `logits` itself when there are none.
  [[nodiscard]] std::span<const float> adjust(std::span<const float> logits, std::span<const std::uint32_t> history) {
    const sampling::penalties penalty{options_.repetition_penalty, options_.presence_penalty,
                                      options_.frequency_penalty};
    const bool penalised = !penalty.neutral() && !history.empty();
    if (!penalised && options_.logit_bias.empty()) return logits;
    std::ranges::copy(logits, adjusted_.begin());
    sampling::add_logit_bias(adjusted_, options_.logit_bias);
    if (penalised) {
      if (options_.penalty_window != 0) history = history.last(std::min(options_.penalty_window, history.size()));
      sampling::apply_penalties(adjusted_, history, penalty, counts_);
    }
    return adjusted_;
  }

  void filter(std::span<const float> adjusted, float largest) {
    const bool greedy = options_.temperature == 0;
    sampling::select_candidates(adjusted, largest, greedy ? 1 : options_.top_k, candidates_, scratch_);
    const float best = largest == sampling::infinity ? 0.0F : largest;
    sampling::apply_temperature(candidates_.logits(), best, greedy ? 1.0F : options_.temperature);
    if (greedy) return;
    sampling::top_p(candidates_, options_.top_p, filters_);
    sampling::min_p(candidates_, options_.min_p);
    if (options_.typical_p == 1) return;
    sampling::typical(candidates_, options_.typical_p, filters_);
    const auto kept = candidates_.logits();  // perhaps without the most probable one
    sampling::apply_temperature(kept, *std::ranges::max_element(kept), 1);
  }

  [[nodiscard]] sampled_token report(std::span<const float> logits, std::uint32_t id) {
    if (!options_.want_logprob && top_.empty()) return {id, std::numeric_limits<float>::quiet_NaN(), {}};
    const float largest = sampling::checked_max(logits);
    const double log_sum = sampling::log_sum_exp_above(logits, largest);
    const auto logprob = [&](std::size_t at) { return sampling::log_probability(logits[at], largest, log_sum); };
    if (!top_.empty()) {
      std::size_t filled = 0;
      sampling::for_each_largest(logits, top_.size(), scratch_, [&](std::size_t at) {
        top_[filled++] = {static_cast<std::uint32_t>(at), logprob(at)};
      });
      std::ranges::sort(top_, [&](const token_probability& a, const token_probability& b) {
        return logits[a.id] != logits[b.id] ? logits[a.id] > logits[b.id] : a.id < b.id;
      });
    }
    return {id, logprob(id), top_};
  }

  sampling_options options_;
  rng generator_;
  std::vector<float> adjusted_;
  std::vector<float> scratch_;
  std::vector<std::uint32_t> counts_;
  sampling::candidates candidates_;
  sampling::filter_workspace filters_;
  std::vector<token_probability> top_;
};

}  // namespace tulu
