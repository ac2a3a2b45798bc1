#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu {

/// The type that a tensor gets.
struct quantised_type {
  dtype type = dtype::f32;
  bool fell_back = false;  ///< its rows are no multiple of the block of the type that was meant for it
};

namespace detail {

/// The layer of a tensor that is called model.layers.LAYER.`rest`.
[[nodiscard]] inline std::optional<std::size_t> layer_of(std::string_view name, std::string_view rest) noexcept {
  constexpr std::string_view prefix = "model.layers.";
  if (!name.starts_with(prefix) || !name.ends_with(rest)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::size_t layer = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (failure != std::errc{} || std::string_view{end, name.data() + name.size()} != rest) return std::nullopt;
  return layer;
}

/// The mixes Q4_K_M and Q5_K_M: attn_v and ffn_down have six bits in the first and last eighth of the layers and in
/// every third one between.
[[nodiscard]] inline dtype mixed_type(const llama_config& config, std::string_view name, dtype wanted) noexcept {
  const auto value = layer_of(name, ".self_attn.v_proj.weight"), down = layer_of(name, ".mlp.down_proj.weight");
  if (!value && !down) return wanted;
  const std::size_t layer = value ? *value : *down, layers = config.num_hidden_layers;
  if (layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2) return dtype::q6_k;
  const bool is_70b = layers == 80 && config.num_attention_heads != config.num_key_value_heads;
  return value && is_70b ? dtype::q5_k : wanted;
}

/// What takes the place of a type whose block is longer than what rows are a multiple of.
[[nodiscard]] constexpr dtype fall_back(dtype type, std::size_t columns) noexcept {
  dtype next = dtype::f16;
  if (type == dtype::q4_k) next = dtype::q5_0;
  if (type == dtype::q5_k) next = dtype::q5_1;
  if (type == dtype::q6_k) next = dtype::q8_0;
  return columns % block_of(next) == 0 ? next : dtype::f16;
}

}  // namespace detail

/// The type of the tensor `name` (as transformers calls it) in a model of `wanted` weights, as llama-quantize chooses:
/// lm_head, and the embeddings of a tied model, have six bits or more, q4_k and q5_k are the mixes Q4_K_M and Q5_K_M,
/// and a row that is no multiple of a type's block takes the next type that fits. For the types that are no block types
/// it is `wanted` itself; vectors are float32. (llama_tensor_get_type in llama.cpp's llama-quant.cpp.)
[[nodiscard]] inline quantised_type quantised_type_of(const llama_config& config, std::string_view name,
                                                      const shape& extents, dtype wanted) {
  if (extents.rank() < 2) return {dtype::f32};
  if (!is_block_type(wanted)) return {wanted};
  const std::size_t columns = extents[extents.rank() - 1];
  const bool output = name == checkpoint::head_name || (config.tie_word_embeddings && name == checkpoint::embed_name);
  dtype type = wanted;
  if (output && wanted != dtype::q8_0) type = dtype::q6_k;
  if (!output && (wanted == dtype::q4_k || wanted == dtype::q5_k)) type = detail::mixed_type(config, name, wanted);
  if (columns % block_of(type) == 0) return {type};
  return {detail::fall_back(type, columns), true};
}

/// The type of a tensor's weights in memory: as stored when nothing is wanted.
[[nodiscard]] inline quantised_type weight_type_of(const llama_config& config, const checkpoint::stored_tensor& tensor,
                                                   std::optional<dtype> wanted) {
  if (wanted) return quantised_type_of(config, tensor.name(), tensor.extents(), *wanted);
  return {tensor.extents().rank() < 2 ? dtype::f32 : tensor.type()};
}

}  // namespace tulu
