#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The keys (rotated) and values of one sequence, with the tokens they belong to. Memory for `capacity` positions is
/// set aside at once. For each layer, keys and then values lie as [key_value_head][position][stride], `stride` being
/// head_dim rounded up to `row_multiple`, the rest zero.
class kv_cache {
 public:
  static constexpr std::size_t row_multiple = 16;

  kv_cache(const llama_config& config, std::size_t capacity, dtype type)
      : type_{type},
        capacity_{capacity},
        head_dim_{config.head_dim},
        stride_{stride_of(config)},
        heads_{config.num_key_value_heads},
        layers_{config.num_hidden_layers},
        data_{bytes_for(config, capacity, type)} {
    if (!is_summable(type)) throw mismatch_error("KV cache", "", "F32, F16 or BF16", tulu::name(type));
    tokens_.reserve(capacity);
    // Rows are written before they are read, so only what lies between them has to be zero: a cache whose rows have no
    // such rest takes memory as it grows.
    if (stride_ != head_dim_) std::memset(data_.data(), 0, data_.size());
  }

  /// What a cache takes. Throws when no machine has as much.
  [[nodiscard]] static std::size_t bytes_for(const llama_config& config, std::size_t capacity, dtype type) {
    const std::array factors{std::size_t{2},           size_of(type), stride_of(config), config.num_key_value_heads,
                             config.num_hidden_layers, capacity};
    const auto bytes = checked_product(factors);
    if (!bytes) throw error{"KV cache: " + std::to_string(capacity) + " positions are more than a machine can hold"};
    return *bytes;
  }

  /// Elements from one row to the next.
  [[nodiscard]] static std::size_t stride_of(const llama_config& config) noexcept {
    return (config.head_dim + row_multiple - 1) / row_multiple * row_multiple;
  }

  [[nodiscard]] dtype type() const noexcept { return type_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
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

  /// The rows of one head of one layer, from position 0.
  [[nodiscard]] std::byte* keys(std::size_t layer, std::size_t head) noexcept { return row(2 * layer, head); }
  [[nodiscard]] std::byte* values(std::size_t layer, std::size_t head) noexcept { return row(2 * layer + 1, head); }

 private:
  [[nodiscard]] std::byte* row(std::size_t plane, std::size_t head) noexcept {
    return data_.data() + (plane * heads_ + head) * capacity_ * stride_ * size_of(type_);
  }

  dtype type_;
  std::size_t capacity_, head_dim_, stride_, heads_, layers_;
  aligned_buffer data_;
  std::vector<token_id> tokens_;
};

}  // namespace tulu
