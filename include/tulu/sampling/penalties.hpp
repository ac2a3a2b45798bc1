#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <tulu/core/error.hpp>
#include <tulu/sampling/softmax.hpp>

namespace tulu::sampling {

/// Adds each id's bias to its logit; an id given twice gets both. -inf forbids the id, a logit of +inf too. Throws when
/// an id has no logit.
inline void add_logit_bias(std::span<float> logits, std::span<const std::pair<std::uint32_t, float>> biases) {
  for (const auto& [id, bias] : biases) {
    if (id >= logits.size())
      throw mismatch_error("logit_bias", "", "an id below " + std::to_string(logits.size()), std::to_string(id));
    logits[id] = bias == -infinity && logits[id] == infinity ? bias : logits[id] + bias;
  }
}

/// How the logits of ids that have occurred are lowered (or raised, beyond the neutral value on its other side).
struct penalties {
  /// CTRL's (Keskar et al. 2019), as transformers' RepetitionPenaltyLogitsProcessor: a logit above 0 is divided by it,
  /// another multiplied, once per id. Positive; 1 is neutral.
  float repetition = 1;
  /// OpenAI's: subtracted once from an id that has occurred. 0 is neutral.
  float presence = 0;
  /// OpenAI's: subtracted for each time that an id has occurred. 0 is neutral.
  float frequency = 0;

  [[nodiscard]] bool neutral() const noexcept { return repetition == 1 && presence == 0 && frequency == 0; }
};

/// Applies `penalty` for the ids in `history`, repetition first. `counts` is scratch of the size of `logits`, all zero
/// before and after. Throws, with nothing changed, when an id has no logit.
inline void apply_penalties(std::span<float> logits, std::span<const std::uint32_t> history, const penalties& penalty,
                            std::span<std::uint32_t> counts) {
  if (penalty.neutral()) return;
  const auto outside = std::ranges::find_if(history, [&](std::uint32_t id) { return id >= logits.size(); });
  if (outside != history.end())
    throw mismatch_error("history", "", "an id below " + std::to_string(logits.size()), std::to_string(*outside));
  for (const std::uint32_t id : history) ++counts[id];
  for (const std::uint32_t id : history) {
    if (counts[id] == 0) continue;
    const float logit = logits[id];
    const float repeated = logit > 0 ? logit / penalty.repetition : logit * penalty.repetition;
    logits[id] = repeated - (penalty.presence + penalty.frequency * static_cast<float>(counts[id]));
    counts[id] = 0;
  }
}

}  // namespace tulu::sampling
