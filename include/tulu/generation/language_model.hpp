#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <stop_token>

#include <tulu/core/function_ref.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// What generation needs of a model: `llama_model` (see there for the contracts), or whatever does the same.
template <class Model>
concept language_model = requires(Model& model, const Model& constant, kv_cache& cache,
                                  std::span<const token_id> tokens, std::stop_token stop) {
  { model.prefill(cache, tokens, stop) } -> std::convertible_to<std::span<const float>>;
  { model.step(cache, tokens.front()) } -> std::convertible_to<std::span<const float>>;
  { constant.make_cache(std::size_t{1}, dtype::f16) } -> std::same_as<kv_cache>;
  { constant.config() } -> std::same_as<const llama_config&>;
  { constant.vocab_size() } -> std::convertible_to<std::size_t>;
};

/// A language model that gives its logits after every token: `llama_model`.
template <class Model>
concept scoring_model = language_model<Model> &&
    requires(Model& model, kv_cache& cache, std::span<const token_id> tokens,
             function_ref<void(std::size_t, std::span<const float>)> on_logits, std::stop_token stop) {
  model.prefill_all(cache, tokens, on_logits, stop);
};

}  // namespace tulu
