#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/kv_panels.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The keys (rotated) and values of one sequence, with the tokens they belong to, as F32, F16, BF16 or Q8_0: bytes with
/// one float32 scale a row. Memory for `capacity` positions is set aside at once, and the system gives it as it is
/// written: blocks of positions lie one after the other, and in a block for each layer and key-value head the panels of
/// the keys and then those of the values, see kernel/kv_panels.hpp.
class kv_cache {
 public:
  kv_cache(const llama_config& config, std::size_t capacity, dtype type)
      : type_{type},
        capacity_{capacity},
        head_dim_{config.head_dim},
        heads_{config.num_key_value_heads},
        layers_{config.num_hidden_layers},
        block_panels_{std::min(panels_of(capacity), most_block_panels)},
        data_{bytes_for(config, capacity, type)} {
    tokens_.reserve(capacity);
  }

  /// What a cache takes. Throws for a type that none has, and when no machine has as much.
  [[nodiscard]] static std::size_t bytes_for(const llama_config& config, std::size_t capacity, dtype type) {
    if (!kernel::is_cache_type(type)) throw mismatch_error("KV cache", "", "F32, F16, BF16 or Q8_0", name(type));
    const std::array factors{head_bytes(config.head_dim, type), config.num_key_value_heads, config.num_hidden_layers,
                             whole_blocks(panels_of(capacity))};
    const auto bytes = checked_product(factors);
    if (!bytes) throw error{"KV cache: " + std::to_string(capacity) + " positions are more than a machine can hold"};
    return *bytes;
  }

  [[nodiscard]] dtype type() const noexcept { return type_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return data_.size(); }
  /// The tokens whose keys and values it holds.
  [[nodiscard]] std::span<const token_id> tokens() const noexcept { return tokens_; }

  /// Whether it was made for a model of this shape.
  [[nodiscard]] bool fits(const llama_config& config) const noexcept {
    return heads_ == config.num_key_value_heads && layers_ == config.num_hidden_layers && head_dim_ == config.head_dim;
  }

  /// Forgets all but the first `count` positions. The rows of the others keep their content until they are written.
  void truncate(std::size_t count) noexcept { tokens_.resize(std::min(count, tokens_.size())); }

  /// Keeps the positions that `prompt` begins with, but never all of `prompt`, so that its last token is left to
  /// compute the logits of. Returns how many are kept: go on with the rest of `prompt`.
  std::size_t keep_common_prefix(std::span<const token_id> prompt) noexcept {
    const std::size_t most = std::min(tokens_.size(), prompt.empty() ? 0 : prompt.size() - 1);
    const auto differs =
        std::mismatch(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(most), prompt.begin());
    truncate(static_cast<std::size_t>(differs.first - tokens_.begin()));
    return size();
  }

  /// More tokens, whose keys and values the model is about to write, or has written after just these tokens before
  /// `truncate` forgot them. There is room for them.
  void append(std::span<const token_id> tokens) { tokens_.insert(tokens_.end(), tokens.begin(), tokens.end()); }

  /// The panels of one head of one layer for the block of `position`.
  [[nodiscard]] std::byte* keys(std::size_t layer, std::size_t head, std::size_t position) noexcept {
    const std::size_t block = position / kernel::attention_block, at = layer * heads_ + head;
    return data_.data() + block * block_stride() + at * block_panels_ * head_bytes(head_dim_, type_);
  }
  [[nodiscard]] std::byte* values(std::size_t layer, std::size_t head, std::size_t position) noexcept {
    return keys(layer, head, position) + block_panels_ * kernel::kv_panel_bytes(type_, head_dim_);
  }
  /// Bytes from a block of a head to the next.
  [[nodiscard]] std::size_t block_stride() const noexcept {
    return layers_ * heads_ * block_panels_ * head_bytes(head_dim_, type_);
  }

 private:
  static constexpr std::size_t most_block_panels = kernel::attention_block / kernel::panel_positions;

  /// A cache of less than a block is a block of its own size.
  [[nodiscard]] static std::size_t whole_blocks(std::size_t panels) noexcept {
    const std::size_t more = panels % most_block_panels;
    return panels < most_block_panels || more == 0 ? panels : panels + most_block_panels - more;
  }
  [[nodiscard]] static std::size_t panels_of(std::size_t capacity) noexcept {
    return capacity / kernel::panel_positions + (capacity % kernel::panel_positions != 0 ? 1 : 0);
  }
  /// One panel of keys and one of values.
  [[nodiscard]] static std::size_t head_bytes(std::size_t head_dim, dtype type) noexcept {
    return kernel::kv_panel_bytes(type, head_dim) + kernel::kv_panel_bytes(type, kernel::kv_stride(head_dim));
  }

  dtype type_;
  std::size_t capacity_, head_dim_, heads_, layers_;
  std::size_t block_panels_;  ///< of a head's keys in a block
  aligned_buffer data_;
  std::vector<token_id> tokens_;
};

}  // namespace tulu
