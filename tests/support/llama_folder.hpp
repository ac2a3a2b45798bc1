#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "model_folder.hpp"
#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>

namespace tulu::test {

/// The shape of a LLaMA model to be made up.
struct llama_sizes {
  std::size_t vocabulary = 40, hidden = 24, inner = 20, layers = 2, heads = 4, key_value_heads = 2, head_dim = 6;
  bool attention_bias = false, mlp_bias = false, tied = false;
};

/// Random weights of that shape under the names of transformers, in its order; norm weights near one.
[[nodiscard]] inline model_values llama_values(const llama_sizes& sizes, unsigned seed, dtype type = dtype::f32) {
  model_values tensors;
  const auto add = [&](const std::string& name, shape extents, float centre = 0) {
    auto values = random_values(extents.count().value(), seed++, 0.1F);
    for (float& value : values) value += centre;
    tensors.push_back({name, std::move(extents), std::move(values), type});
  };
  const auto linear = [&](const std::string& name, std::size_t rows, std::size_t columns, bool bias) {
    add(name + ".weight", {rows, columns});
    if (bias) add(name + ".bias", {rows});
  };
  const std::size_t query = sizes.heads * sizes.head_dim, key_value = sizes.key_value_heads * sizes.head_dim;
  add("model.embed_tokens.weight", {sizes.vocabulary, sizes.hidden});
  for (std::size_t i = 0; i < sizes.layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    linear(at + "self_attn.q_proj", query, sizes.hidden, sizes.attention_bias);
    linear(at + "self_attn.k_proj", key_value, sizes.hidden, sizes.attention_bias);
    linear(at + "self_attn.v_proj", key_value, sizes.hidden, sizes.attention_bias);
    linear(at + "self_attn.o_proj", sizes.hidden, query, sizes.attention_bias);
    linear(at + "mlp.gate_proj", sizes.inner, sizes.hidden, sizes.mlp_bias);
    linear(at + "mlp.up_proj", sizes.inner, sizes.hidden, sizes.mlp_bias);
    linear(at + "mlp.down_proj", sizes.hidden, sizes.inner, sizes.mlp_bias);
    add(at + "input_layernorm.weight", {sizes.hidden}, 1);
    add(at + "post_attention_layernorm.weight", {sizes.hidden}, 1);
  }
  add("model.norm.weight", {sizes.hidden}, 1);
  if (!sizes.tied) add("lm_head.weight", {sizes.vocabulary, sizes.hidden});
  return tensors;
}

/// The config.json of that shape; `more` is inserted as it is: `"key": value, `.
[[nodiscard]] inline std::string llama_config_text(const llama_sizes& sizes, const std::string& more = "") {
  const auto flag = [](bool value) { return std::string{value ? "true" : "false"}; };
  return "{" + more +
         "\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_act\": \"silu\", " +
         "\"vocab_size\": " + std::to_string(sizes.vocabulary) + ", \"hidden_size\": " + std::to_string(sizes.hidden) +
         ", \"intermediate_size\": " + std::to_string(sizes.inner) +
         ", \"num_hidden_layers\": " + std::to_string(sizes.layers) +
         ", \"num_attention_heads\": " + std::to_string(sizes.heads) +
         ", \"num_key_value_heads\": " + std::to_string(sizes.key_value_heads) +
         ", \"head_dim\": " + std::to_string(sizes.head_dim) + ", \"max_position_embeddings\": 64" +
         ", \"attention_bias\": " + flag(sizes.attention_bias) + ", \"mlp_bias\": " + flag(sizes.mlp_bias) +
         ", \"tie_word_embeddings\": " + flag(sizes.tied) + "}";
}

/// A folder with such a model.
inline std::filesystem::path write_llama(const std::filesystem::path& folder, const llama_sizes& sizes, unsigned seed,
                                         dtype type = dtype::f32) {
  return write_model(folder, llama_values(sizes, seed, type), llama_config_text(sizes));
}

/// The tensor of that name among `tensors`.
[[nodiscard]] inline tensor_values& find_tensor(model_values& tensors, const std::string& name) {
  for (tensor_values& tensor : tensors)
    if (tensor.name == name) return tensor;
  throw error{name + ": not among the tensors of the test"};
}

/// The model of a folder whose rows of q_proj and k_proj are taken to lie in pairs, as in a GGUF file.
[[nodiscard]] inline checkpoint::catalogue in_pairs(const checkpoint::catalogue& model, const llama_sizes& sizes) {
  using checkpoint::rotary_order;
  std::vector<checkpoint::stored_tensor> tensors;
  for (const auto& tensor : model.tensors()) {
    if (!checkpoint::has_rotary_rows(tensor.name())) {
      tensors.push_back(tensor);
      continue;
    }
    const std::size_t heads = tensor.extents()[0] / sizes.head_dim;
    tensors.push_back(checkpoint::reorder_rotary_rows(tensor, heads, rotary_order::pairs, rotary_order::halves));
  }
  return {model.path(), std::move(tensors), {}, {model.files().begin(), model.files().end()}};
}

}  // namespace tulu::test
