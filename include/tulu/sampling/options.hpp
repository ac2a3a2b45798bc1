#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>

namespace tulu {

/// How tokens are chosen. Every value but `temperature` is neutral by default.
struct sampling_options {
  /// Logits are divided by it; 0: greedy, the largest logit after bias and penalties, the lowest id when several are.
  float temperature = 0.7F;
  /// Only the `top_k` most probable; 0: all.
  std::size_t top_k = 0;
  /// Only the most probable that together reach this probability; 1: all.
  float top_p = 1;
  /// Only those at least this many times as probable as the most probable; 0: all.
  float min_p = 0;
  /// Only the most typical that together reach this probability; 1: all.
  float typical_p = 1;
  /// See sampling::penalties.
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  /// How many of the last ids of the history count for the penalties; 0: all.
  std::size_t penalty_window = 0;
  /// (id, what is added to its logit); -inf forbids the id.
  std::vector<std::pair<std::uint32_t, float>> logit_bias = {};
  std::uint64_t seed = 0;
  /// Whether `sampled_token::logprob` is computed.
  bool want_logprob = true;
  /// How many of the most probable tokens are reported with each token; above 0 implies `want_logprob`.
  std::size_t top_logprobs = 0;
};

/// Throws an error that names the first option outside its range. Ids in `logit_bias` are checked by the sampler, which
/// knows how many there are.
inline void check(const sampling_options& options) {
  const auto require = [](bool fits, std::string_view name, std::string_view expected, float found) {
    if (fits) return;
    std::ostringstream text;
    text << found;
    throw mismatch_error(name, "", expected, text.str());
  };
  constexpr std::string_view probability = "a number from 0 to 1";
  constexpr float largest_penalty = 1e6F;  // keeps sums of penalties finite
  const auto in = [](float value, float least, float most) { return value >= least && value <= most; };
  require(in(options.temperature, 0, std::numeric_limits<float>::max()), "temperature", "a finite number, at least 0",
          options.temperature);
  require(in(options.top_p, 0, 1), "top_p", probability, options.top_p);
  require(in(options.min_p, 0, 1), "min_p", probability, options.min_p);
  require(options.typical_p > 0 && options.typical_p <= 1, "typical_p", "a number above 0, at most 1",
          options.typical_p);
  require(options.repetition_penalty > 0 && options.repetition_penalty <= largest_penalty, "repetition_penalty",
          "a number above 0, at most 1e6", options.repetition_penalty);
  require(in(options.presence_penalty, -largest_penalty, largest_penalty), "presence_penalty",
          "a number from -1e6 to 1e6", options.presence_penalty);
  require(in(options.frequency_penalty, -largest_penalty, largest_penalty), "frequency_penalty",
          "a number from -1e6 to 1e6", options.frequency_penalty);
  for (const auto& entry : options.logit_bias)
    require(entry.second < std::numeric_limits<float>::infinity(), "logit_bias", "a finite number or -inf",
            entry.second);
}

}  // namespace tulu
