#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/generation/context_policy.hpp>
#include <tulu/generation/generated_piece.hpp>
#include <tulu/generation/language_model.hpp>
#include <tulu/generation/lookup_steps.hpp>
#include <tulu/generation/stats.hpp>
#include <tulu/generation/stop.hpp>
#include <tulu/generation/text_filter.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/sampling/sampler.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace tulu {

struct generation_options {
  sampling_options sampling{};
  std::size_t max_new_tokens = unlimited;  ///< the stop token counts
  std::vector<std::string> stop{};         ///< stop strings; see stop_matcher
  /// None: the EOS tokens of the model's config and of the tokenizer. Empty: no token ends an answer.
  std::optional<std::vector<token_id>> stop_tokens{};
  /// How many tokens a pass computes ahead at most, guessed from what was there before (see lookup_steps); 0: none. The
  /// answer is the same, sooner where it repeats things. Only for temperature 0.
  std::size_t lookup = 0;
};

/// Throws an error that names the first option outside its range; see there for ids in sampling options.
inline void check(const generation_options& options) {
  check(options.sampling);
  static_cast<void>(stop_matcher{options.stop});
  constexpr std::size_t most = most_lookup_drafts;
  if (options.lookup > most)
    throw mismatch_error("lookup", "", "0 to " + std::to_string(most) + " tokens", std::to_string(options.lookup));
  if (options.lookup != 0 && options.sampling.temperature != 0)
    throw mismatch_error("lookup", "", "0 unless temperature is 0", std::to_string(options.lookup));
}

/// Why an answer ended.
enum class end_reason { stop_token, stop_string, max_new_tokens, context_full, callback, cancelled };

/// The name of `reason` as in its definition, for messages.
[[nodiscard]] constexpr std::string_view name(end_reason reason) noexcept {
  switch (reason) {
    case end_reason::stop_token:
      return "stop_token";
    case end_reason::stop_string:
      return "stop_string";
    case end_reason::max_new_tokens:
      return "max_new_tokens";
    case end_reason::context_full:
      return "context_full";
    case end_reason::callback:
      return "callback";
    case end_reason::cancelled:
      break;
  }
  return "cancelled";
}

struct generation_result {
  /// What was handed to the callback, all together. When the callback or a stop request ended the answer, it lacks
  /// what waited for more bytes of a character or of a stop string.
  std::string text{};
  std::vector<token_id> ids{};  ///< the chosen tokens but for the stop token
  end_reason reason = end_reason::max_new_tokens;
  std::string stop_string{};  ///< the one that ended it
  generation_stats stats{};
};

/// Continues prompts: prefill, then sample and step until something ends the answer. Keeps what it computed, so that a
/// prompt that begins like what came before costs only the rest. One call at a time.
template <language_model Model>
class generator {
 public:
  /// `model` is the caller's and outlives this. Throws when an option is out of range.
  generator(Model& model, tokenizer source, generation_options options = {}, context_options context = {})
      : model_{&model},
        tokenizer_{std::move(source)},
        cache_{model.make_cache(context.capacity != 0 ? context.capacity : model.config().max_position_embeddings,
                                context.cache_type)},
        sampler_{options.sampling, std::min<std::size_t>(model.vocab_size(), tokenizer_.size())} {
    set_options(std::move(options));
  }

  /// Computes `prompt` and then tokens one by one, each handed to `callback`: a `piece_callback` or a `text_callback`.
  ///
  /// A stop request ends it within the pass at work and is not an error: the result has what was chosen until then.
  /// Throws when the prompt is empty, longer than the context or has an id outside the vocabulary, when the logits
  /// have a NaN, and what the callback throws; it can be used again after that.
  template <answer_callback Callback>
  generation_result generate(std::span<const token_id> prompt, Callback&& callback, std::stop_token stop = {}) {
    return run(
        prompt, [&](const generated_piece& piece) { return detail::hand_over(callback, piece); }, stop);
  }
  generation_result generate(std::span<const token_id> prompt, std::stop_token stop = {}) {
    return run(
        prompt, [](const generated_piece&) { return true; }, stop);
  }

  [[nodiscard]] Model& model() const noexcept { return *model_; }
  [[nodiscard]] const tokenizer& source() const noexcept { return tokenizer_; }
  [[nodiscard]] const kv_cache& cache() const noexcept { return cache_; }
  [[nodiscard]] const generation_options& options() const noexcept { return options_; }
  /// The random numbers of the answers to come.
  [[nodiscard]] rng& random() noexcept { return sampler_.generator(); }
  [[nodiscard]] const rng& random() const noexcept { return sampler_.generator(); }

  /// For the next answers. A seed that is not the one before starts the random numbers anew. Throws when an option is
  /// out of range, and keeps the old ones.
  void set_options(generation_options options) {
    check(options);
    if (options.lookup != 0 && !scoring_model<Model>)
      throw mismatch_error("lookup", "", "0 for a model without prefill_all", std::to_string(options.lookup));
    const bool reseed = options.sampling.seed != sampler_.options().seed;
    sampler_.set_options(options.sampling);
    if (reseed) sampler_.generator() = rng{options.sampling.seed};
    options_ = std::move(options);
  }

 private:
  using on_piece = function_ref<bool(const generated_piece&)>;

  [[nodiscard]] bool is_stop_token(token_id id) const noexcept {
    if (options_.stop_tokens) return std::ranges::find(*options_.stop_tokens, id) != options_.stop_tokens->end();
    const auto& of_model = model_->config().eos_token_ids;
    return id == tokenizer_.special().eos || std::ranges::find(of_model, id) != of_model.end();
  }

  /// The logits that a token may be chosen by: rows of lm_head without a piece are none.
  [[nodiscard]] std::span<const float> usable(std::span<const float> logits) const noexcept {
    return logits.first(sampler_.vocabulary_size());
  }

  generation_result run(std::span<const token_id> prompt, on_piece callback, const std::stop_token& stop) {
    if (prompt.empty()) throw mismatch_error("prompt", "", "at least one token", "an empty prompt");
    require_fit(prompt.size(), 0, cache_.capacity(), "prompt");
    generation_result result;
    result.stats.prompt_tokens = prompt.size();
    if (options_.max_new_tokens == 0) return result;
    result.stats.reused_tokens = cache_.keep_common_prefix(prompt);
    detail::stopwatch prefill, decode;
    try {
      prefill.start();
      std::span<const float> logits = model_->prefill(cache_, prompt.subspan(result.stats.reused_tokens), stop);
      prefill.stop();
      answer(logits, callback, stop, result, decode);
    } catch (const cancelled&) {
      if (!stop.stop_requested()) throw;
      result.reason = end_reason::cancelled;
    }
    result.stats.prefill_seconds = prefill.seconds();
    result.stats.decode_seconds = decode.seconds();
    return result;
  }

  void answer(std::span<const float> logits, on_piece callback, const std::stop_token& stop, generation_result& result,
              detail::stopwatch& decode) {
    text_filter filter{tokenizer_, options_.stop};
    decode.start();
    lookup_steps step{*model_, cache_, options_.lookup, result.stats};
    decode.stop();
    for (;;) {
      if (stop.stop_requested()) throw cancelled{};
      decode.start();
      const sampled_token chosen = sampler_.sample(usable(logits), cache_.tokens());
      const std::optional<end_reason> end = take(chosen.id, filter, result);
      decode.stop();
      result.text += filter.text();
      const bool go_on = callback({chosen.id, filter.bytes(), filter.text(), chosen.logprob, chosen.top});
      if (end || !go_on) {
        result.reason = end.value_or(end_reason::callback);
        result.stop_string = filter.stopped_by();
        return;
      }
      if (stop.stop_requested()) throw cancelled{};
      decode.start();
      logits = step(chosen.id, options_.max_new_tokens - result.stats.new_tokens);
      decode.stop();
      ++result.stats.decode_steps;
    }
  }

  /// Takes in a chosen token, and says why the answer ends with it, if it does.
  [[nodiscard]] std::optional<end_reason> take(token_id id, text_filter& filter, generation_result& result) const {
    std::optional<end_reason> end;
    ++result.stats.new_tokens;
    if (is_stop_token(id)) {
      filter.push_nothing();
      end = end_reason::stop_token;
    } else {
      filter.push(id);
      result.ids.push_back(id);
      if (result.stats.new_tokens == options_.max_new_tokens)
        end = end_reason::max_new_tokens;
      else if (cache_.size() == cache_.capacity())
        end = end_reason::context_full;
    }
    if (end) filter.finish();
    if (filter.stopped()) end = end_reason::stop_string;
    return end;
  }

  Model* model_;
  tokenizer tokenizer_;
  kv_cache cache_;
  sampler sampler_;
  generation_options options_;
};

}  // namespace tulu
