#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// How well a model foretells a text.
struct perplexity_result {
  double value = 0;        ///< e to the mean negative log-likelihood of the tokens that were predicted
  std::size_t tokens = 0;  ///< that were predicted
};

struct perplexity_options {
  std::size_t context = 512;      ///< tokens of a chunk
  std::optional<token_id> bos{};  ///< put in the place of each chunk's first token
  dtype cache_type = dtype::f32;
  std::string name = "text";  ///< for messages
  /// Called after each chunk with the number of chunks that are done and their total.
  std::function<void(std::size_t done, std::size_t total)> on_progress{};
  std::stop_token stop{};
};

/// The BOS that the tokenizer's model was trained to see first; nothing when there is none.
[[nodiscard]] inline std::optional<token_id> perplexity_bos(const tokenizer& tokens) {
  const special_tokens& special = tokens.special();
  return special.adds_bos ? special.bos : std::nullopt;
}

/// -log of the probability that softmax gives to `token`, in double precision.
[[nodiscard]] inline double negative_log_likelihood(std::span<const float> logits, token_id token) noexcept {
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + (largest - static_cast<double>(logits[token]));
}

namespace detail {

template <class Model>
concept scoring_model = requires(Model& model, const Model& constant, kv_cache& cache, std::span<const token_id> tokens,
                                 function_ref<void(std::size_t, std::span<const float>)> on_logits,
                                 std::stop_token stop) {
  model.prefill(cache, tokens, stop);
  model.prefill_all(cache, tokens, on_logits, stop);
  { constant.make_cache(std::size_t{1}, dtype::f32) } -> std::same_as<kv_cache>;
  { constant.config().longest_sequence() } -> std::convertible_to<std::size_t>;
};

inline void check_context(const perplexity_options& options, std::size_t ids, std::size_t longest) {
  constexpr std::size_t least = 4;
  if (options.context < least || options.context > longest)
    throw mismatch_error("context", "", std::to_string(least) + " to " + std::to_string(longest) + " tokens",
                         std::to_string(options.context));
  if (ids < options.context)
    throw mismatch_error(options.name, "", "at least one chunk of " + std::to_string(options.context) + " tokens",
                         std::to_string(ids));
}

}  // namespace detail

/// The perplexity of a text of these ids by the protocol of llama.cpp's llama-perplexity: chunks of `context` tokens,
/// each by itself; the tokens that follow the first half of a chunk are predicted, from position context / 2 on; what
/// is left behind the last whole chunk is dropped. `ids` begin with BOS where the model's texts do.
///
/// Throws for a text shorter than one chunk, a context that the model was not made for and ids outside the vocabulary;
/// `cancelled` when the options' stop token asks for it.
template <detail::scoring_model Model>
[[nodiscard]] perplexity_result perplexity(Model& model, std::span<const token_id> ids,
                                           const perplexity_options& options = {}) {
  const std::size_t context = options.context, half = context / 2;
  detail::check_context(options, ids.size(), model.config().longest_sequence());
  kv_cache cache = model.make_cache(context, options.cache_type);
  const std::size_t chunks = ids.size() / context;
  perplexity_result result;
  double sum = 0;
  for (std::size_t i = 0; i < chunks; ++i) {
    std::vector<token_id> chunk(ids.begin() + static_cast<std::ptrdiff_t>(i * context),
                                ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * context));
    if (options.bos) chunk[0] = *options.bos;
    const std::span<const token_id> all{chunk};
    cache.truncate(0);
    model.prefill(cache, all.first(half), options.stop);
    model.prefill_all(
        cache, all.subspan(half, context - half - 1),
        [&](std::size_t index, std::span<const float> logits) {
          sum += negative_log_likelihood(logits, chunk[half + index + 1]);
          ++result.tokens;
        },
        options.stop);
    if (options.on_progress) options.on_progress(i + 1, chunks);
  }
  result.value = std::exp(sum / static_cast<double>(result.tokens));
  return result;
}

}  // namespace tulu
