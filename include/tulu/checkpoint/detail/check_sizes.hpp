#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/checked.hpp>

namespace tulu::checkpoint::detail {

/// Larger extents are no model's; up to here all products of two are far from overflow.
inline constexpr std::size_t largest_extent = std::size_t{1} << 24;

/// Throws when the head counts and sizes contradict each other or are more than a machine can address. `keys.mismatch`
/// makes the error, from a key of config.json, what was expected and what was found.
template <class Keys>
void check_sizes(const Keys& keys, const llama_config& config) {
  const std::size_t heads = config.num_attention_heads;
  if (heads % config.num_key_value_heads != 0)
    throw keys.mismatch("num_key_value_heads", "a divisor of num_attention_heads, " + std::to_string(heads),
                        std::to_string(config.num_key_value_heads));
  if (config.head_dim == 0 || config.head_dim % 2 != 0)
    throw keys.mismatch("head_dim", "an even number for the rotary embedding", std::to_string(config.head_dim));
  if (config.query_size() > largest_extent)
    throw keys.mismatch("head_dim", "at most " + std::to_string(largest_extent) + " in all heads",
                        std::to_string(heads) + " heads of " + std::to_string(config.head_dim));
  const std::size_t widest = std::max({config.hidden_size, config.intermediate_size, config.query_size()});
  const std::array bytes{std::max(widest, config.vocab_size), widest, config.num_hidden_layers, std::size_t{32}};
  if (!checked_product(bytes))
    throw keys.mismatch("hidden_size", "a model that a machine can address", std::to_string(config.hidden_size));
}

}  // namespace tulu::checkpoint::detail
