#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/generation/language_model.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/sampling/softmax.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// How well a model predicts a text.
struct perplexity_result {
  double nll = 0;          ///< the sum of the negative logarithms of the tokens' probabilities
  std::size_t tokens = 0;  ///< that were predicted
  std::size_t chunks = 0;  ///< of the text, each read by itself

  /// e to the mean of the negative log-likelihoods.
  [[nodiscard]] double perplexity() const noexcept { return std::exp(nll / static_cast<double>(tokens)); }
};

struct perplexity_options {
  std::size_t context = 512;      ///< ids of a chunk, at least `least_perplexity_context`
  std::optional<token_id> bos{};  ///< the id that every chunk begins with, for models that add it
  dtype cache_type = dtype::f32;  ///< of keys and values
  /// Called after each chunk with the result so far and the number of chunks of the text.
  std::function<void(const perplexity_result& so_far, std::size_t chunks)> on_chunk{};
  /// A request to stop ends the work with `cancelled`.
  std::stop_token stop{};
};

/// With fewer ids a chunk has nothing to predict.
inline constexpr std::size_t least_perplexity_context = 3;

namespace detail {

/// -log softmax(logits)[id], in float64.
[[nodiscard]] inline double negative_log_likelihood(std::span<const float> logits, token_id id) {
  const auto largest = static_cast<double>(sampling::checked_max(logits));
  if (std::isinf(largest)) throw mismatch_error("logits", "", "finite values", largest > 0 ? "+inf" : "-inf");
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[id]);
}

template <class Model>
void check_perplexity_input(const Model& model, std::span<const token_id> ids, std::size_t context) {
  const std::size_t most = model.config().longest_sequence();
  if (context < least_perplexity_context || context > most)
    throw mismatch_error("perplexity", "context",
                         std::to_string(least_perplexity_context) + " to " + std::to_string(most) + " ids",
                         std::to_string(context));
  if (ids.size() < context)
    throw mismatch_error("perplexity", "", "a text of at least " + std::to_string(context) + " ids, the context",
                         "one of " + std::to_string(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] >= model.vocab_size())
      throw mismatch_error("perplexity", "token " + std::to_string(i),
                           "an id below " + std::to_string(model.vocab_size()), std::to_string(ids[i]));
}

}  // namespace detail

/// The perplexity of a text, by the protocol of llama.cpp's llama-perplexity: `ids` (of the whole text, BOS included
/// where the model adds it) are cut into chunks of N = context, a shorter rest is dropped, the first id of each chunk
/// gives way to `bos`, and the positions N/2 to N-2 of a chunk predict the ids that follow them.
///
/// Throws for a context that the model or the protocol has no room for, for fewer than N ids, for ids outside the
/// vocabulary and for logits that are no numbers.
template <scoring_model Model>
[[nodiscard]] perplexity_result perplexity(Model& model, std::span<const token_id> ids,
                                           const perplexity_options& options = {}) {
  detail::check_perplexity_input(model, ids, options.context);
  const std::size_t first = options.context / 2, chunks = ids.size() / options.context;
  kv_cache cache = model.make_cache(options.context, options.cache_type);
  perplexity_result result;
  std::vector<token_id> chunk;
  for (std::size_t i = 0; i < chunks; ++i) {
    const auto from = ids.subspan(i * options.context, options.context);
    chunk.assign(from.begin(), from.end());
    if (options.bos) chunk[0] = *options.bos;
    const std::span<const token_id> all{chunk};
    cache.truncate(0);
    model.prefill(cache, all.first(first), options.stop);
    model.prefill_all(
        cache, all.subspan(first, all.size() - 1 - first),
        [&](std::size_t index, std::span<const float> logits) {
          result.nll += detail::negative_log_likelihood(logits, all[first + index + 1]);
          ++result.tokens;
        },
        options.stop);
    ++result.chunks;
    if (options.on_chunk) options.on_chunk(result, chunks);
  }
  return result;
}

}  // namespace tulu
