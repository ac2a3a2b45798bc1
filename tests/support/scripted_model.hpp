#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::test {

/// A model without weights that says what a script wants: after the n-th prefill the tokens of `answers[n]`, then the
/// token `last` for ever.
class scripted_model {
 public:
  explicit scripted_model(std::size_t vocab_size, std::size_t max_position_embeddings = 64) : logits_(vocab_size) {
    config_.vocab_size = vocab_size;
    config_.num_hidden_layers = config_.num_key_value_heads = config_.num_attention_heads = 1;
    config_.head_dim = 2;
    config_.max_position_embeddings = max_position_embeddings;
  }

  std::vector<std::vector<token_id>> answers{};
  token_id last = 2;
  /// The logits of prefill_all after the last token of a sequence. None: those of the script.
  std::function<void(std::span<const token_id> sequence, std::span<float> logits)> logits_after{};
  std::function<void()> before_pass{};   ///< called when a pass begins; may throw
  std::vector<std::size_t> prefilled{};  ///< tokens of each prefill
  std::vector<token_id> prompt{};        ///< all of the last prompt
  std::size_t steps = 0;
  std::vector<std::size_t> tokens_of_all{};  ///< tokens of each prefill_all

  [[nodiscard]] llama_config& config() noexcept { return config_; }
  [[nodiscard]] const llama_config& config() const noexcept { return config_; }
  [[nodiscard]] std::size_t vocab_size() const noexcept { return logits_.size(); }
  [[nodiscard]] kv_cache make_cache(std::size_t capacity, dtype type) const { return {config_, capacity, type}; }

  std::span<const float> prefill(kv_cache& cache, std::span<const token_id> tokens, std::stop_token stop = {}) {
    compute(cache, tokens, stop);
    prefilled.push_back(tokens.size());
    prompt.assign(cache.tokens().begin(), cache.tokens().end());
    return next(cache);
  }
  template <class OnLogits>
  void prefill_all(kv_cache& cache, std::span<const token_id> tokens, OnLogits&& on_logits, std::stop_token stop = {}) {
    tokens_of_all.push_back(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      compute(cache, tokens.subspan(i, 1), stop);
      if (logits_after)
        logits_after(cache.tokens(), logits_);
      else
        next(cache);
      on_logits(i, std::span<const float>{logits_});
    }
  }
  std::span<const float> step(kv_cache& cache, token_id token) {
    compute(cache, {&token, 1}, {});
    ++steps;
    return next(cache);
  }

 private:
  void compute(kv_cache& cache, std::span<const token_id> tokens, const std::stop_token& stop) {
    if (before_pass) before_pass();
    if (stop.stop_requested()) throw cancelled{};
    if (tokens.empty() || tokens.size() > cache.capacity() - cache.size()) throw error{"scripted model: no room"};
    for (const token_id token : tokens)
      if (token >= vocab_size()) throw error{"scripted model: id " + std::to_string(token)};
    cache.append(tokens);
  }
  std::span<const float> next(const kv_cache& cache) {
    const std::size_t turn = prefilled.size() - 1;
    const std::size_t at = cache.size() - prompt.size();
    logits_.assign(logits_.size(), 0);
    logits_[turn < answers.size() && at < answers[turn].size() ? answers[turn][at] : last] = 20;
    return logits_;
  }

  llama_config config_{};
  std::vector<float> logits_;
};

}  // namespace tulu::test
