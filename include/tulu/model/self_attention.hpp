#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/token_place.hpp>
#include <tulu/model/workspace.hpp>

namespace tulu {

/// What a pass does between the products of a layer's attention: queries and keys are rotated, keys and values kept in
/// the caches, and each query head sums the values of the positions it sees. Divided over key-value heads and tokens;
/// many tokens of one sequence are worked on in tiles. Allocates nothing after it is made.
class self_attention {
 public:
  /// For passes of up to `most_tokens`. What it is given stays valid as long as it does.
  self_attention(const llama_config& config, const kernel::model_table& kernels, executor& workers,
                 const workspace& space, std::size_t most_tokens)
      : config_{&config},
        kernels_{&kernels},
        workers_{&workers},
        space_{&space},
        group_{config.num_attention_heads / config.num_key_value_heads} {
    panels_.reserve(most_tokens);
    tiles_.reserve(most_tokens);
  }

  /// Begins a pass over `places`, which stay as they are until the next: tokens of a sequence follow each other. The
  /// workspace has their angles.
  void begin(std::span<const token_place> places) {
    places_ = places;
    panels_.clear();
    tiles_.clear();
    const std::size_t tile = kernel::attention_tokens(group_);
    for (std::size_t first = 0, count = 0; first < places.size(); first += count) {
      const auto other = [&](const token_place& place) { return place.cache != places[first].cache; };
      count =
          static_cast<std::size_t>(std::find_if(places.begin() + offset(first), places.end(), other) - places.begin()) -
          first;
      for (std::size_t i = first; i < first + count; i += panels_.back().count)
        panels_.push_back(
            {i, std::min(first + count - i, kernel::panel_positions - places[i].position % kernel::panel_positions)});
      // Up to few_tokens tokens have the bits of single steps.
      const std::size_t most = count <= kernel::few_tokens ? 1 : tile;
      for (std::size_t i = first; i < first + count; i += most)
        tiles_.push_back({i, std::min(first + count - i, most)});
    }
    // The longest first: what is left at the end is short.
    std::sort(tiles_.begin(), tiles_.end(), [&](const range& a, const range& b) { return cost(a) > cost(b); });
  }

  /// Takes the queries, keys and values of the workspace, which `weights` gave, and leaves the sums in `attended`.
  void compute(std::size_t layer, const llama_layer& weights) {
    layer_ = &weights;
    const std::size_t heads = config_->num_key_value_heads;
    if (places_.size() == 1 && heads >= workers_->threads()) {
      workers_->parallel_for(heads, [&](std::size_t head, std::size_t thread) {
        store(layer, panels_.front(), head, thread);
        attend(layer, tiles_.front(), head, 0, group_, thread);
      });
      return;
    }
    const auto store_part = [&](std::size_t index, std::size_t thread) {
      store(layer, panels_[index / heads], index % heads, thread);
    };
    if (places_.size() <= kernel::few_tokens) {
      for (std::size_t i = 0; i < panels_.size() * heads; ++i) store_part(i, 0);
    } else {
      workers_->parallel_for(panels_.size() * heads, store_part);
    }
    // With fewer pairs of tile and key-value head than threads, the query heads of a group are divided too.
    const std::size_t pairs = tiles_.size() * heads;
    const std::size_t parts = pairs >= workers_->threads() ? 1 : std::min(group_, workers_->threads());
    const std::size_t part = (group_ + parts - 1) / parts;
    workers_->parallel_for(pairs * parts, [&](std::size_t index, std::size_t thread) {
      const std::size_t first = index % parts * part, pair = index / parts;
      if (first < group_)
        attend(layer, tiles_[pair / heads], pair % heads, first, std::min(part, group_ - first), thread);
    });
  }

 private:
  /// Tokens of the pass that follow each other in a sequence.
  struct range {
    std::size_t first, count;
  };

  [[nodiscard]] static std::ptrdiff_t offset(std::size_t index) noexcept { return static_cast<std::ptrdiff_t>(index); }
  [[nodiscard]] std::size_t cost(const range& tokens) const noexcept {
    return tokens.count * (places_[tokens.first].position + tokens.count);
  }

  /// Heads whose rotary pairs lie side by side, as ggml and Meta have them, in the order that `rotate` takes. `scratch`
  /// has head_dim floats.
  static void part_pairs(float* heads, std::size_t count, std::size_t head_dim, float* scratch) noexcept {
    const std::size_t half = head_dim / 2;
    for (float* head = heads; head != heads + count * head_dim; head += head_dim) {
      std::copy_n(head, head_dim, scratch);
      for (std::size_t i = 0; i < half; ++i) {
        head[i] = scratch[2 * i];
        head[half + i] = scratch[2 * i + 1];
      }
    }
  }

  /// Rotates the queries and the key of a key-value head and keeps its key and value; the tokens are of one panel.
  void store(std::size_t layer, const range& tokens, std::size_t head, std::size_t thread) const {
    const std::size_t size = config_->head_dim, first = places_[tokens.first].position;
    kv_cache& cache = *places_[tokens.first].cache;
    std::byte *const keys = cache.keys(layer, head, first), *const values = cache.values(layer, head, first);
    for (std::size_t t = tokens.first; t < tokens.first + tokens.count; ++t) {
      const float *const cosines = space_->cosines + t * (size / 2), *const sines = space_->sines + t * (size / 2);
      const std::size_t at = t * config_->key_value_size() + head * size;
      float* const queries = space_->query + t * config_->query_size() + head * group_ * size;
      if (layer_->q_proj.in_pairs) part_pairs(queries, group_, size, space_->scratch(thread));
      if (layer_->k_proj.in_pairs) part_pairs(space_->key + at, 1, size, space_->scratch(thread));
      kernels_->rotate(queries, group_, size, cosines, sines);
      kernels_->rotate(space_->key + at, 1, size, cosines, sines);
      kernels_->store_key_value[kernel::model_table::cache_at(cache.type())](
          space_->key + at, space_->value + at, size, places_[t].position % kernel::attention_block, keys, values);
    }
  }

  /// `count` query heads of a key-value head, from `first` on.
  void attend(std::size_t layer, const range& tokens, std::size_t head, std::size_t first, std::size_t count,
              std::size_t thread) const {
    const token_place& where = places_[tokens.first];
    const std::size_t at = tokens.first * config_->query_size() + (head * group_ + first) * config_->head_dim;
    const kernel::attention_shape shape{.heads = count,
                                        .head_dim = config_->head_dim,
                                        .positions = where.position + 1,
                                        .scale = 1.0f / std::sqrt(static_cast<float>(config_->head_dim)),
                                        .tokens = tokens.count,
                                        .token_stride = config_->query_size(),
                                        .block_stride = where.cache->block_stride()};
    kernels_->attend[kernel::model_table::cache_at(where.cache->type())](
        space_->query + at, where.cache->keys(layer, head, 0), where.cache->values(layer, head, 0), shape,
        space_->attended + at, space_->scratch(thread));
  }

  const llama_config* config_;
  const kernel::model_table* kernels_;
  executor* workers_;
  const workspace* space_;
  std::size_t group_;                   ///< query heads of a key-value head
  const llama_layer* layer_ = nullptr;  ///< whose queries, keys and values are in the workspace
  std::span<const token_place> places_{};
  std::vector<range> panels_;  ///< of tokens in one panel of the cache
  std::vector<range> tiles_;
};

}  // namespace tulu
