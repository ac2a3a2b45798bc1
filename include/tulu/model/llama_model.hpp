#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/model/linear_layers.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/rope_angles.hpp>
#include <tulu/model/self_attention.hpp>
#include <tulu/model/token_place.hpp>
#include <tulu/model/workspace.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/matrix_view.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// What a model computes with; fixed when it is made.
struct model_options {
  std::size_t max_batch = 512;     ///< tokens of one pass; a longer prompt takes several
  std::size_t max_sequences = 32;  ///< sequences of one pass
  /// None: threads of its own, one per processor. Models that share threads take turns: one pass at a time.
  std::shared_ptr<executor> workers{};
};

/// Tokens to be computed in the sequence that `cache` holds: they follow what is in it.
struct sequence_input {
  kv_cache* cache = nullptr;
  std::span<const token_id> tokens{};
};

/// The LLaMA forward pass (Touvron et al. 2023; modeling_llama.py of transformers): decoder layers of grouped-query
/// attention with rotary embeddings and of SwiGLU, each behind an RMSNorm. Activations are float32 whatever the type of
/// the weights.
///
/// All memory is set aside at once: passes allocate nothing. One pass at a time; several models may share weights.
/// The results do not depend on the number of threads, and for up to eight tokens at once not on how many there are
/// (but for dynamic scaling of angles, beyond the length that the model was trained for).
class llama_model {
 public:
  llama_model(std::shared_ptr<const llama_weights> weights, const kernel::model_table& kernels,
              const model_options& options = {});
  llama_model(const llama_model&) = delete;
  llama_model& operator=(const llama_model&) = delete;

  [[nodiscard]] const llama_config& config() const noexcept { return weights_->config; }
  [[nodiscard]] const llama_weights& weights() const noexcept { return *weights_; }
  /// Columns of the logits: rows of lm_head.
  [[nodiscard]] std::size_t vocab_size() const noexcept { return weights_->lm_head.rows; }
  [[nodiscard]] const char* backend() const noexcept { return kernels_->backend; }
  [[nodiscard]] executor& workers() const noexcept { return *workers_; }
  /// What the workspace of a model with `vocabulary` logits is made for.
  [[nodiscard]] static workspace_size size_of_workspace(std::size_t vocabulary, const kernel::model_table& kernels,
                                                        const model_options& options, std::size_t threads) noexcept {
    const std::size_t tokens = std::max<std::size_t>(1, options.max_batch);
    return {.tokens = tokens,
            .logit_rows = std::max<std::size_t>({1, options.max_sequences, std::min<std::size_t>(tokens, 32)}),
            .vocabulary = vocabulary,
            .threads = threads,
            .tile = kernels.tile_tokens,
            .block_rows = kernels.block_rows,
            .many_rows = kernels.has_panels() ? kernels.many_rows : 0};
  }
  /// The memory that passes work in.
  [[nodiscard]] std::size_t workspace_bytes() const noexcept { return space_.bytes(); }

  /// A cache for `capacity` positions.
  [[nodiscard]] kv_cache make_cache(std::size_t capacity, dtype type = dtype::f16) const {
    return kv_cache{config(), capacity, type};
  }

  /// Computes `tokens` (at least one, any number that the cache has room for) and returns the logits after the last of
  /// them, [vocab_size]. They are valid until the next pass. A stop request ends it with `cancelled`, the cache as it
  /// was. Throws for an id outside the vocabulary and for too little room, before anything is computed.
  std::span<const float> prefill(kv_cache& cache, std::span<const token_id> tokens, std::stop_token stop = {});

  /// prefill of one token.
  std::span<const float> step(kv_cache& cache, token_id token) { return prefill(cache, {&token, 1}); }

  /// prefill that hands over the logits after each token, in order.
  void prefill_all(kv_cache& cache, std::span<const token_id> tokens,
                   function_ref<void(std::size_t index, std::span<const float> logits)> on_logits,
                   std::stop_token stop = {});

  /// One pass over several sequences, each with a cache of its own and at least one token, max_batch tokens in all.
  /// Row i of the result, [sequences, vocab_size], has the logits after the last token of sequence i.
  matrix_view<const float> forward(std::span<const sequence_input> batch, std::stop_token stop = {});

 private:
  void check_input(const sequence_input& input) const;
  void place_tokens(const sequence_input& input, std::size_t first, std::size_t count);
  void compute_chunks(const sequence_input& input, std::stop_token stop,
                      function_ref<void(std::size_t first, std::size_t count)> on_chunk);

  void compute(const std::stop_token& stop);
  void look_up(const kernel::weight_matrix& table, token_id id, float* out) const;
  void attention(const llama_layer& layer, std::size_t index);
  void feed_forward(const llama_layer& layer);
  void normalise(const float* weight);
  void compute_logits(std::size_t rows);

  void over_tokens(std::size_t tokens, function_ref<void(std::size_t token, std::size_t thread)> body);

  [[nodiscard]] auto kernel_of(const auto& by_type, dtype type) const noexcept {
    return by_type[kernel::model_table::at(type)];
  }

  std::shared_ptr<const llama_weights> weights_;
  const kernel::model_table* kernels_;
  std::shared_ptr<executor> workers_;
  workspace_size size_;
  workspace space_;
  linear_layers layers_;
  rope_angles angles_;
  self_attention attention_;
  std::vector<token_place> places_;
  std::vector<std::size_t> wanted_;  ///< places whose logits are asked for
};

inline llama_model::llama_model(std::shared_ptr<const llama_weights> weights, const kernel::model_table& kernels,
                                const model_options& options)
    : weights_{std::move(weights)},
      kernels_{&kernels},
      workers_{options.workers ? options.workers : std::make_shared<executor>()},
      size_{size_of_workspace(weights_->lm_head.rows, kernels, options, workers_->threads())},
      space_{weights_->config, size_},
      layers_{kernels, *workers_, space_},
      angles_{weights_->config},
      attention_{weights_->config, kernels, *workers_, space_, size_.tokens} {
  const auto check = [&](const kernel::weight_matrix& matrix) {
    if (matrix.in_panels() && !kernels.has_panels())
      throw mismatch_error(config().file, "", "weights in rows for the backend " + std::string{kernels.backend},
                           "weights in panels");
  };
  check(weights_->lm_head);
  for (const llama_layer& layer : weights_->layers)
    for (const auto* matrix : llama_layer::matrices(layer)) check(*matrix);
  places_.reserve(size_.tokens);
  wanted_.reserve(std::max(size_.tokens, size_.logit_rows));
}

inline std::span<const float> llama_model::prefill(kv_cache& cache, std::span<const token_id> tokens,
                                                   std::stop_token stop) {
  compute_chunks({&cache, tokens}, std::move(stop), [&](std::size_t first, std::size_t count) {
    if (first + count != tokens.size()) return;
    wanted_.assign(1, count - 1);
    compute_logits(0);
  });
  return {space_.logits, vocab_size()};
}

inline void llama_model::prefill_all(kv_cache& cache, std::span<const token_id> tokens,
                                     function_ref<void(std::size_t, std::span<const float>)> on_logits,
                                     std::stop_token stop) {
  compute_chunks({&cache, tokens}, std::move(stop), [&](std::size_t first, std::size_t count) {
    wanted_.resize(count);
    for (std::size_t i = 0; i < count; ++i) wanted_[i] = i;
    for (std::size_t done = 0; done < count; done += size_.logit_rows) {
      compute_logits(done);
      for (std::size_t i = done; i < std::min(count, done + size_.logit_rows); ++i)
        on_logits(first + i, {space_.logits + (i - done) * vocab_size(), vocab_size()});
    }
  });
}

inline matrix_view<const float> llama_model::forward(std::span<const sequence_input> batch, std::stop_token stop) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    check_input(batch[i]);
    total += batch[i].tokens.size();
    for (std::size_t k = 0; k < i; ++k)
      if (batch[k].cache == batch[i].cache) throw error{"batch: two sequences have the same cache"};
  }
  if (batch.empty() || batch.size() > size_.logit_rows || total > size_.tokens)
    throw mismatch_error("batch", "",
                         "1 to " + std::to_string(size_.logit_rows) + " sequences with at most " +
                             std::to_string(size_.tokens) + " tokens",
                         std::to_string(batch.size()) + " with " + std::to_string(total));
  places_.clear();
  wanted_.clear();
  for (const sequence_input& input : batch) {
    place_tokens(input, 0, input.tokens.size());
    wanted_.push_back(places_.size() - 1);
  }
  const auto forget = [&] {
    for (const sequence_input& input : batch) input.cache->truncate(input.cache->size() - input.tokens.size());
  };
  for (const sequence_input& input : batch) input.cache->append(input.tokens);
  try {
    compute(stop);
  } catch (...) {
    forget();
    throw;
  }
  compute_logits(0);
  return {space_.logits, batch.size(), vocab_size(), vocab_size()};
}

inline void llama_model::check_input(const sequence_input& input) const {
  const llama_config& shape = config();
  if (input.tokens.empty()) throw mismatch_error("prompt", "", "at least one token", "none");
  if (input.cache == nullptr || !input.cache->fits(shape)) throw error{"KV cache: made for a model of another shape"};
  const std::size_t room = input.cache->capacity() - input.cache->size();
  if (input.tokens.size() > room)
    throw mismatch_error("prompt", "",
                         "at most " + std::to_string(room) + " tokens, which the context of " +
                             std::to_string(input.cache->capacity()) + " has room for",
                         std::to_string(input.tokens.size()));
  for (std::size_t i = 0; i < input.tokens.size(); ++i)
    if (input.tokens[i] >= weights_->embed_tokens.rows)
      throw mismatch_error("prompt", "token " + std::to_string(i),
                           "an id below " + std::to_string(weights_->embed_tokens.rows),
                           std::to_string(input.tokens[i]));
}

inline void llama_model::place_tokens(const sequence_input& input, std::size_t first, std::size_t count) {
  const std::size_t start = input.cache->size();
  for (std::size_t i = 0; i < count; ++i)
    places_.push_back({input.cache, input.tokens[first + i], start + i, start + input.tokens.size() - first});
}

inline void llama_model::compute_chunks(const sequence_input& input, std::stop_token stop,
                                        function_ref<void(std::size_t, std::size_t)> on_chunk) {
  check_input(input);
  const std::size_t before = input.cache->size();
  try {
    for (std::size_t first = 0; first < input.tokens.size(); first += size_.tokens) {
      const std::size_t count = std::min(size_.tokens, input.tokens.size() - first);
      places_.clear();
      place_tokens(input, first, count);
      input.cache->append(input.tokens.subspan(first, count));
      compute(stop);
      on_chunk(first, count);
    }
  } catch (...) {
    input.cache->truncate(before);
    throw;
  }
}

/// Row `id` of the table of embeddings.
inline void llama_model::look_up(const kernel::weight_matrix& table, token_id id, float* out) const {
  const auto row = static_cast<std::size_t>(id);
  if (table.deferred != nullptr && !table.deferred->all_kept())
    kernel_of(kernels_->to_float, table.type)(table.deferred->row(row), out, table.columns);
  else if (table.in_panels())
    kernel::unpack_row(table.type, table.data, table.columns, row, out);
  else
    kernel_of(kernels_->to_float, table.type)(table.row(row), out, table.columns);
}

/// The layers, over all places; leaves their last hidden states in space_.hidden.
inline void llama_model::compute(const std::stop_token& stop) {
  const kernel::weight_matrix& embeddings = weights_->embed_tokens;
  const std::size_t size = config().hidden_size, half = config().head_dim / 2;
  for (std::size_t t = 0; t < places_.size(); ++t) {
    look_up(embeddings, places_[t].token, space_.hidden + t * size);
    angles_.at(places_[t].position, places_[t].length, {space_.cosines + t * half, half},
               {space_.sines + t * half, half});
  }
  attention_.begin(places_);
  for (std::size_t index = 0; index < weights_->layers.size(); ++index) {
    if (stop.stop_requested()) throw cancelled{};
    attention(weights_->layers[index], index);
    feed_forward(weights_->layers[index]);
  }
}

inline void llama_model::attention(const llama_layer& layer, std::size_t index) {
  const std::size_t tokens = places_.size();
  normalise(layer.input_layernorm);
  const std::array inputs{linear_layer{&layer.q_proj, layer.q_bias, space_.query},
                          linear_layer{&layer.k_proj, layer.k_bias, space_.key},
                          linear_layer{&layer.v_proj, layer.v_bias, space_.value}};
  layers_.multiply(inputs, space_.normed, tokens);
  attention_.compute(index, layer);
  const std::array output{linear_layer{&layer.o_proj, layer.o_bias, space_.hidden, true}};
  layers_.multiply(output, space_.attended, tokens);
}

inline void llama_model::feed_forward(const llama_layer& layer) {
  const std::size_t tokens = places_.size();
  normalise(layer.post_attention_layernorm);
  layers_.multiply_gated({&layer.gate_proj, layer.gate_bias, space_.gate}, {&layer.up_proj, layer.up_bias, space_.up},
                         space_.normed, tokens);
  const std::array output{linear_layer{&layer.down_proj, layer.down_bias, space_.hidden, true}};
  layers_.multiply(output, space_.gate, tokens);
}

inline void llama_model::normalise(const float* weight) {
  const std::size_t size = config().hidden_size;
  const auto epsilon = static_cast<float>(config().rms_norm_eps);
  over_tokens(places_.size(), [&](std::size_t t, std::size_t) {
    kernels_->rms_norm(space_.hidden + t * size, weight, size, epsilon, space_.normed + t * size);
  });
}

inline void llama_model::over_tokens(std::size_t tokens, function_ref<void(std::size_t, std::size_t)> body) {
  if (tokens <= kernel::few_tokens) {
    for (std::size_t t = 0; t < tokens; ++t) body(t, 0);
  } else {
    workers_->parallel_for(tokens, body);
  }
}

/// The logits of the wanted places from `first` on, as many as there are rows for.
inline void llama_model::compute_logits(std::size_t first) {
  const std::size_t size = config().hidden_size, rows = std::min(size_.logit_rows, wanted_.size() - first);
  const auto epsilon = static_cast<float>(config().rms_norm_eps);
  for (std::size_t i = 0; i < rows; ++i)
    kernels_->rms_norm(space_.hidden + wanted_[first + i] * size, weights_->norm, size, epsilon,
                       space_.normed + i * size);
  const std::array output{linear_layer{&weights_->lm_head, nullptr, space_.logits}};
  layers_.multiply(output, space_.normed, rows);
}

}  // namespace tulu
