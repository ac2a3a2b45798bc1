#pragma once

#include <cmath>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/tensor/block_codec.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::test {

/// A small model of every shape that odd sizes give: heads of 2 to 256, grouped or not, hidden sizes that no register
/// divides, with and without biases, tied embeddings and each scaling of the angles.
[[nodiscard]] inline llama_config random_config(std::mt19937& generator) {
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(generator); };
  constexpr std::size_t head_dims[] = {2, 4, 6, 10, 16, 18, 30, 32, 34, 64, 66, 100, 128, 256};
  llama_config config;
  config.file = "random model";
  config.head_dim = head_dims[below(std::size(head_dims))];
  config.num_key_value_heads = 1 + below(3);
  config.num_attention_heads = config.num_key_value_heads * (1 + below(4));
  config.hidden_size = 1 + below(90);
  config.intermediate_size = 1 + below(120);
  config.vocab_size = 2 + below(130);
  config.num_hidden_layers = 1 + below(3);
  config.rms_norm_eps = below(2) == 0 ? 1e-6 : 1e-5;
  config.rope_theta = below(2) == 0 ? 10000 : 500000;
  config.max_position_embeddings = 16;
  config.attention_bias = below(3) == 0;
  config.mlp_bias = below(3) == 0;
  config.tie_word_embeddings = below(3) == 0;
  constexpr rope_scaling_type types[] = {rope_scaling_type::none, rope_scaling_type::linear, rope_scaling_type::dynamic,
                                         rope_scaling_type::llama3};
  config.scaling.type = types[below(4)];
  if (config.head_dim == 2 && config.scaling.type == rope_scaling_type::dynamic)
    config.scaling.type = rope_scaling_type::none;  // its exponent is head_dim / (head_dim - 2)
  if (config.scaling.type != rope_scaling_type::none) config.scaling.factor = below(2) == 0 ? 4 : 2.5;
  config.scaling.original_max_position_embeddings = 24;
  return config;
}

/// The sizes of a model in one line, for the message of a check.
[[nodiscard]] inline std::string describe(const llama_config& config) {
  const std::pair<const char*, std::size_t> fields[] = {{"vocab", config.vocab_size},
                                                        {"hidden", config.hidden_size},
                                                        {"inner", config.intermediate_size},
                                                        {"layers", config.num_hidden_layers},
                                                        {"heads", config.num_attention_heads},
                                                        {"key-value heads", config.num_key_value_heads},
                                                        {"head_dim", config.head_dim},
                                                        {"scaling", static_cast<std::size_t>(config.scaling.type)},
                                                        {"attention bias", config.attention_bias},
                                                        {"mlp bias", config.mlp_bias},
                                                        {"tied", config.tie_word_embeddings}};
  std::string text;
  for (const auto& [name, value] : fields) text += std::string{name} + " " + std::to_string(value) + ", ";
  return text;
}

/// Fills llama_weights with normal values: matrices scaled so that activations keep their size from layer to layer,
/// norm weights around one. Every matrix begins one element past a boundary of 64 bytes, and its memory ends with it.
class weight_maker {
 public:
  weight_maker(const llama_config& config, dtype type, unsigned seed) : type_{type}, generator_{seed} {
    weights_->config = config;
  }

  [[nodiscard]] std::shared_ptr<llama_weights> make() {
    const llama_config& config = weights_->config;
    weights_->embed_tokens = matrix(config.vocab_size, config.hidden_size, 1);
    weights_->lm_head =
        config.tie_word_embeddings ? weights_->embed_tokens : matrix(config.vocab_size, config.hidden_size);
    weights_->norm = vector(config.hidden_size, 1);
    for (std::size_t i = 0; i < config.num_hidden_layers; ++i) weights_->layers.push_back(layer());
    return weights_;
  }

 private:
  [[nodiscard]] llama_layer layer() {
    const llama_config& config = weights_->config;
    const std::size_t hidden = config.hidden_size, query = config.query_size(), key = config.key_value_size(),
                      inner = config.intermediate_size;
    llama_layer made;
    made.q_proj = matrix(query, hidden);
    made.k_proj = matrix(key, hidden);
    made.v_proj = matrix(key, hidden);
    made.o_proj = matrix(hidden, query);
    made.gate_proj = matrix(inner, hidden);
    made.up_proj = matrix(inner, hidden);
    made.down_proj = matrix(hidden, inner);
    made.input_layernorm = vector(hidden, 1);
    made.post_attention_layernorm = vector(hidden, 1);
    if (config.attention_bias) {
      made.q_bias = vector(query, 0);
      made.k_bias = vector(key, 0);
      made.v_bias = vector(key, 0);
      made.o_bias = vector(hidden, 0);
    }
    if (config.mlp_bias) {
      made.gate_bias = vector(inner, 0);
      made.up_bias = vector(inner, 0);
      made.down_bias = vector(hidden, 0);
    }
    return made;
  }

  [[nodiscard]] kernel::weight_matrix matrix(std::size_t rows, std::size_t columns) {
    return matrix(rows, columns, 1 / std::sqrt(static_cast<float>(columns)));
  }

  [[nodiscard]] kernel::weight_matrix matrix(std::size_t rows, std::size_t columns, float deviation) {
    std::normal_distribution<float> normal{0, deviation};
    const std::size_t offset = traits(type_).bytes;
    weights_->buffers.emplace_back(offset + bytes_of(type_, rows * columns));
    std::byte* const data = weights_->buffers.back().data() + offset;
    std::vector<float> values(rows * columns);
    for (float& value : values) value = normal(generator_);
    encode(type_, values.data(), data, values.size());
    return {type_, rows, columns, data};
  }

  [[nodiscard]] const float* vector(std::size_t count, float centre) {
    std::normal_distribution<float> normal{centre, 0.1F};
    weights_->buffers.emplace_back(count * sizeof(float));
    auto* const data = reinterpret_cast<float*>(weights_->buffers.back().data());
    for (std::size_t i = 0; i < count; ++i) data[i] = normal(generator_);
    return data;
  }

  dtype type_;
  std::mt19937 generator_;
  std::shared_ptr<llama_weights> weights_ = std::make_shared<llama_weights>();
};

[[nodiscard]] inline std::shared_ptr<llama_weights> random_weights(const llama_config& config, dtype type,
                                                                   unsigned seed) {
  return weight_maker{config, type, seed}.make();
}

/// The same weights in panels.
[[nodiscard]] inline std::shared_ptr<llama_weights> in_panels(const llama_weights& weights) {
  const auto made = std::make_shared<llama_weights>();
  made->config = weights.config;
  const auto pack = [&](kernel::weight_matrix& matrix) {
    if (!kernel::has_panels(matrix.type)) return;
    kernel::weight_matrix packed = matrix;
    packed.layout = kernel::weight_layout::panels;
    made->buffers.emplace_back(packed.bytes());
    std::byte* const data = made->buffers.back().data();
    kernel::pack_panels(matrix.type, matrix.data, matrix.rows, matrix.columns, data);
    packed.data = data;
    matrix = packed;
  };
  made->embed_tokens = weights.embed_tokens;
  made->lm_head = weights.lm_head;
  made->norm = weights.norm;
  made->layers = weights.layers;
  pack(made->lm_head);
  if (weights.config.tie_word_embeddings) made->embed_tokens = made->lm_head;
  for (llama_layer& layer : made->layers)
    for (auto* const matrix : llama_layer::matrices(layer)) pack(*matrix);
  return made;
}

/// The same weights as float32.
[[nodiscard]] inline std::shared_ptr<llama_weights> dequantised(const llama_weights& weights) {
  const auto made = std::make_shared<llama_weights>();
  made->config = weights.config;
  const auto dequantise = [&](kernel::weight_matrix& matrix) {
    made->buffers.emplace_back(matrix.rows * matrix.columns * sizeof(float));
    std::byte* const data = made->buffers.back().data();
    decode(matrix.type, matrix.data, reinterpret_cast<float*>(data), matrix.rows * matrix.columns);
    matrix = {dtype::f32, matrix.rows, matrix.columns, data};
  };
  made->embed_tokens = weights.embed_tokens;
  made->lm_head = weights.lm_head;
  made->norm = weights.norm;
  made->layers = weights.layers;
  dequantise(made->embed_tokens);
  dequantise(made->lm_head);
  for (llama_layer& layer : made->layers)
    for (auto* const matrix : llama_layer::matrices(layer)) dequantise(*matrix);
  return made;
}

[[nodiscard]] inline std::vector<token_id> random_tokens(const llama_config& config, std::size_t count, unsigned seed) {
  std::mt19937 generator{seed};
  std::uniform_int_distribution<std::size_t> id{0, config.vocab_size - 1};
  std::vector<token_id> tokens(count);
  for (token_id& token : tokens) token = static_cast<token_id>(id(generator));
  return tokens;
}

}  // namespace tulu::test
