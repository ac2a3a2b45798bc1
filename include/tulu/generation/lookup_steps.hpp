#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/generation/language_model.hpp>
#include <tulu/generation/prompt_lookup.hpp>
#include <tulu/generation/stats.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// Drafts of one pass: with the token that they follow, kernel::few_tokens.
inline constexpr std::size_t most_lookup_drafts = 7;

/// The steps of one answer, with drafts of prompt_lookup: one pass computes a token and what may follow it, and as
/// long as the answer takes just these tokens its next steps have their logits already. Reading the weights bounds
/// the time of a pass over few tokens, so that right drafts are nearly free.
///
/// Seen from outside a step is that of the model, bit for bit: llama_model gives the same logits for up to eight tokens
/// at once, and the cache has the tokens of the answer alone. Their keys and values are computed before they belong to
/// it: they lie in the rows behind its end.
template <language_model Model>
class lookup_steps {
 public:
  /// For an answer to what `cache` holds. At most `drafts` in one pass, no more than most_lookup_drafts; with 0 every
  /// step is one of the model. All others are the caller's and outlive this.
  lookup_steps(Model& model, kv_cache& cache, std::size_t drafts, generation_stats& stats)
      : model_{&model}, cache_{&cache}, stats_{&stats}, most_{drafts}, lookup_{drafts == 0 ? 0 : cache.capacity()} {
    if (drafts == 0) return;
    rows_.resize((drafts + 1) * model.vocab_size());
    for (const token_id token : cache.tokens()) lookup_.push(token);
  }

  /// The logits after `token`, which follows what the cache holds; see llama_model::step. `wanted`, at least 1, is how
  /// many steps the answer may take, this one included.
  std::span<const float> operator()(token_id token, std::size_t wanted) {
    if constexpr (scoring_model<Model>) {
      if (most_ != 0) return with_drafts(token, wanted);
    }
    return model_->step(*cache_, token);
  }

 private:
  std::span<const float> with_drafts(token_id token, std::size_t wanted) {
    lookup_.push(token);
    if (accepted_ < drafts_.size() && drafts_[accepted_] == token) {
      cache_->append({&token, 1});
      ++stats_->accepted_tokens;
      return row(++accepted_);
    }
    adapt();
    accepted_ = 0;
    lookup_.guess(std::min({length_, wanted - 1, room()}), drafts_);
    if (drafts_.empty()) return model_->step(*cache_, token);
    return compute(token);
  }

  /// A pass over `token` and the drafts, after which the cache has `token` alone.
  std::span<const float> compute(token_id token) {
    const std::size_t size = cache_->size();
    pass_.assign(1, token);
    pass_.insert(pass_.end(), drafts_.begin(), drafts_.end());
    model_->prefill_all(*cache_, pass_, [&](std::size_t index, std::span<const float> logits) {
      std::ranges::copy(logits, rows_.begin() + static_cast<std::ptrdiff_t>(index * logits.size()));
    });
    stats_->drafted_tokens += drafts_.size();
    cache_->truncate(size + 1);
    return row(0);
  }

  /// Drafts cost where computing, not reading the weights, bounds the time, so their number follows the success: twice
  /// as many after a pass whose drafts were all right, else as many as were right.
  void adapt() noexcept {
    if (drafts_.empty()) return;
    length_ = accepted_ == drafts_.size() ? std::min(most_, std::max(length_, 2 * accepted_))
                                          : std::max<std::size_t>(1, accepted_);
  }

  /// How many drafts fit behind a token.
  [[nodiscard]] std::size_t room() const noexcept {
    std::size_t places = cache_->capacity();
    // From there on the angles of all tokens of a pass depend on how many there are.
    if (model_->config().scaling.type == rope_scaling_type::dynamic)
      places = std::min(places, model_->config().max_position_embeddings);
    return places > cache_->size() ? places - cache_->size() - 1 : 0;
  }

  [[nodiscard]] std::span<const float> row(std::size_t index) const noexcept {
    const std::size_t columns = model_->vocab_size();
    return std::span{rows_}.subspan(index * columns, columns);
  }

  Model* model_;
  kv_cache* cache_;
  generation_stats* stats_;
  std::size_t most_;
  prompt_lookup lookup_;
  std::vector<float> rows_;       ///< [most_ + 1, vocab_size]: the logits of the last pass with drafts
  std::vector<token_id> drafts_;  ///< of the last pass
  std::vector<token_id> pass_;
  std::size_t accepted_ = 0;  ///< of drafts_
  std::size_t length_ = 1;    ///< drafts of the next pass, if it has any
};

}  // namespace tulu
