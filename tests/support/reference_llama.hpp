#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/block_codec.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::test {

/// Element `index` of an array whose type is known at run time.
[[nodiscard]] inline double element(const std::byte* data, dtype type, std::size_t index) {
  if (is_block_type(type)) {
    const std::size_t block = block_of(type);
    std::vector<float> weights(block);
    decode(type, data + index / block * traits(type).bytes, weights.data(), block);
    return static_cast<double>(weights[index % block]);
  }
  if (type == dtype::f32) return static_cast<double>(reinterpret_cast<const float*>(data)[index]);
  if (type == dtype::f16) return static_cast<double>(to_float(reinterpret_cast<const f16*>(data)[index]));
  return static_cast<double>(to_float(reinterpret_cast<const bf16*>(data)[index]));
}

/// modeling_llama.py of transformers in double precision, one loop for each line, without a cache: what a fast forward
/// pass is compared with. The angles too are those of the formulas, not of their float32 steps.
class reference_llama {
 public:
  using vector = std::vector<double>;
  using rows = std::vector<vector>;

  explicit reference_llama(const llama_weights& weights) : weights_{&weights}, config_{&weights.config} {}

  /// The logits after each token of a fresh sequence.
  [[nodiscard]] rows logits(std::span<const token_id> tokens) const {
    rows hidden;
    for (const token_id token : tokens) hidden.push_back(row(weights_->embed_tokens, token));
    const vector frequencies = inverse_frequencies(tokens.size());
    for (const llama_layer& layer : weights_->layers) {
      add(hidden, attention(layer, normalised(hidden, layer.input_layernorm), frequencies));
      add(hidden, feed_forward(layer, normalised(hidden, layer.post_attention_layernorm)));
    }
    return linear(weights_->lm_head, nullptr, normalised(hidden, weights_->norm));
  }

  [[nodiscard]] vector inverse_frequencies(std::size_t length) const {
    const auto dim = static_cast<double>(config_->head_dim);
    const rope_scaling& scaling = config_->scaling;
    const auto limit = static_cast<double>(config_->max_position_embeddings);
    double theta = config_->rope_theta;
    if (scaling.type == rope_scaling_type::dynamic && static_cast<double>(length) > limit)
      theta *= std::pow(scaling.factor * static_cast<double>(length) / limit - (scaling.factor - 1), dim / (dim - 2));
    vector frequencies;
    for (std::size_t i = 0; i < config_->head_dim / 2; ++i) {
      const double frequency = 1 / std::pow(theta, 2 * static_cast<double>(i) / dim);
      frequencies.push_back(scaled(frequency));
    }
    return frequencies;
  }

 private:
  [[nodiscard]] double scaled(double frequency) const {
    const rope_scaling& scaling = config_->scaling;
    if (scaling.type == rope_scaling_type::linear) return frequency / scaling.factor;
    if (scaling.type != rope_scaling_type::llama3) return frequency;
    const auto original = static_cast<double>(scaling.original_max_position_embeddings);
    const double waves = original * frequency / (2 * std::numbers::pi);  // that fit into the original context
    if (waves < scaling.low_freq_factor) return frequency / scaling.factor;
    if (waves > scaling.high_freq_factor) return frequency;
    const double smooth = (waves - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
    return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
  }

  [[nodiscard]] static vector row(const kernel::weight_matrix& matrix, std::size_t index) {
    vector values;
    for (std::size_t k = 0; k < matrix.columns; ++k) values.push_back(element(matrix.row(index), matrix.type, k));
    return values;
  }

  static void add(rows& to, const rows& values) {
    for (std::size_t t = 0; t < to.size(); ++t)
      for (std::size_t i = 0; i < to[t].size(); ++i) to[t][i] += values[t][i];
  }

  [[nodiscard]] static rows linear(const kernel::weight_matrix& weights, const float* bias, const rows& inputs) {
    rows outputs(inputs.size(), vector(weights.rows));
    for (std::size_t r = 0; r < weights.rows; ++r) {
      const vector weight = row(weights, r);
      for (std::size_t t = 0; t < inputs.size(); ++t) {
        double sum = bias == nullptr ? 0 : static_cast<double>(bias[r]);
        for (std::size_t k = 0; k < weight.size(); ++k) sum += weight[k] * inputs[t][k];
        outputs[t][r] = sum;
      }
    }
    return outputs;
  }

  [[nodiscard]] rows normalised(const rows& inputs, const float* weight) const {
    rows outputs = inputs;
    for (vector& values : outputs) {
      double squares = 0;
      for (const double value : values) squares += value * value;
      const double root = std::sqrt(squares / static_cast<double>(values.size()) + config_->rms_norm_eps);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] *= static_cast<double>(weight[i]) / root;
    }
    return outputs;
  }

  void rotate(rows& vectors, const vector& frequencies) const {
    const std::size_t half = frequencies.size();
    for (std::size_t t = 0; t < vectors.size(); ++t)
      for (std::size_t head = 0; head < vectors[t].size(); head += 2 * half)
        for (std::size_t i = 0; i < half; ++i) {
          double &a = vectors[t][head + i], &b = vectors[t][head + half + i];
          const double angle = static_cast<double>(t) * frequencies[i], c = std::cos(angle), s = std::sin(angle);
          const double before = a;
          a = before * c - b * s;
          b = b * c + before * s;
        }
  }

  [[nodiscard]] rows attention(const llama_layer& layer, const rows& inputs, const vector& frequencies) const {
    rows queries = linear(layer.q_proj, layer.q_bias, inputs), keys = linear(layer.k_proj, layer.k_bias, inputs);
    const rows values = linear(layer.v_proj, layer.v_bias, inputs);
    rotate(queries, frequencies);
    rotate(keys, frequencies);
    const std::size_t size = config_->head_dim, group = config_->num_attention_heads / config_->num_key_value_heads;
    rows attended(inputs.size(), vector(config_->query_size()));
    for (std::size_t t = 0; t < inputs.size(); ++t)
      for (std::size_t head = 0; head < config_->num_attention_heads; ++head) {
        const std::size_t query = head * size, key = head / group * size;
        vector weights;
        for (std::size_t p = 0; p <= t; ++p) {
          double score = 0;
          for (std::size_t d = 0; d < size; ++d) score += queries[t][query + d] * keys[p][key + d];
          weights.push_back(score / std::sqrt(static_cast<double>(size)));
        }
        const double largest = *std::max_element(weights.begin(), weights.end());
        double total = 0;
        for (double& weight : weights) total += weight = std::exp(weight - largest);
        for (std::size_t p = 0; p <= t; ++p)
          for (std::size_t d = 0; d < size; ++d) attended[t][query + d] += weights[p] / total * values[p][key + d];
      }
    return linear(layer.o_proj, layer.o_bias, attended);
  }

  [[nodiscard]] static rows feed_forward(const llama_layer& layer, const rows& inputs) {
    rows gate = linear(layer.gate_proj, layer.gate_bias, inputs);
    const rows up = linear(layer.up_proj, layer.up_bias, inputs);
    for (std::size_t t = 0; t < gate.size(); ++t)
      for (std::size_t i = 0; i < gate[t].size(); ++i) gate[t][i] *= up[t][i] / (1 + std::exp(-gate[t][i]));
    return linear(layer.down_proj, layer.down_bias, gate);
  }

  const llama_weights* weights_;
  const llama_config* config_;
};

}  // namespace tulu::test
