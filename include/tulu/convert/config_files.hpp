#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <tulu/checkpoint/gguf_llama_keys.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::convert {

namespace detail {

/// The scaling whose factors a GGUF file has in rope_freqs.weight: that of Llama 3.1 with the factor that the slowest
/// angles have. Throws for other factors, which config.json cannot express.
[[nodiscard]] inline rope_scaling scaling_of(const llama_config& config) {
  if (config.rope_factors.empty()) return config.scaling;
  constexpr float tolerance = 1e-4F;
  llama_config other = config;
  other.rope_factors.clear();
  other.scaling = {.type = rope_scaling_type::llama3,
                   .factor = *std::max_element(config.rope_factors.begin(), config.rope_factors.end()),
                   .low_freq_factor = 1,
                   .high_freq_factor = 4,
                   .original_max_position_embeddings = 8192};
  const std::vector<float> expected = checkpoint::gguf_rope_factors(other);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(expected[i] - config.rope_factors.at(i)) <= tolerance * expected[i]))
      throw mismatch_error(config.file, "rope_freqs.weight",
                           std::to_string(expected[i]) + " at " + std::to_string(i) + ", as Llama 3.1's scaling has it",
                           std::to_string(config.rope_factors[i]));
  return other.scaling;
}

/// `rope_scaling` of config.json.
[[nodiscard]] inline io::json scaling_to_json(const rope_scaling& scaling) {
  switch (scaling.type) {
    case rope_scaling_type::none:
      return nullptr;
    case rope_scaling_type::linear:
      return {{"type", "linear"}, {"factor", scaling.factor}};
    case rope_scaling_type::dynamic:
      return {{"type", "dynamic"}, {"factor", scaling.factor}};
    case rope_scaling_type::llama3:
      break;
  }
  return {{"rope_type", "llama3"},
          {"factor", scaling.factor},
          {"low_freq_factor", scaling.low_freq_factor},
          {"high_freq_factor", scaling.high_freq_factor},
          {"original_max_position_embeddings", scaling.original_max_position_embeddings}};
}

/// No id, one, or a list of them.
[[nodiscard]] inline io::json ids_to_json(const std::vector<std::uint32_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? io::json(ids[0]) : io::json(ids);
}

}  // namespace detail

/// The config.json of a model whose tensors are of `type`, with the keys that transformers' LlamaConfig writes.
[[nodiscard]] inline std::string format_config(const llama_config& config, dtype type) {
  io::json out;
  out["architectures"] = {"LlamaForCausalLM"};
  out["attention_bias"] = config.attention_bias;
  out["attention_dropout"] = 0.0;
  out["bos_token_id"] = config.bos_token_id ? io::json(*config.bos_token_id) : io::json();
  out["eos_token_id"] = detail::ids_to_json(config.eos_token_ids);
  out["head_dim"] = config.head_dim;
  out["hidden_act"] = "silu";
  out["hidden_size"] = config.hidden_size;
  out["initializer_range"] = 0.02;
  out["intermediate_size"] = config.intermediate_size;
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["mlp_bias"] = config.mlp_bias;
  out["model_type"] = "llama";
  out["num_attention_heads"] = config.num_attention_heads;
  out["num_hidden_layers"] = config.num_hidden_layers;
  out["num_key_value_heads"] = config.num_key_value_heads;
  out["pretraining_tp"] = 1;
  out["rms_norm_eps"] = config.rms_norm_eps;
  out["rope_scaling"] = detail::scaling_to_json(detail::scaling_of(config));
  out["rope_theta"] = config.rope_theta;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["torch_dtype"] = traits(type).torch;
  out["use_cache"] = true;
  out["vocab_size"] = config.vocab_size;
  return out.dump(2) + "\n";
}

/// The generation_config.json of a model: what begins a text and what ends it.
[[nodiscard]] inline std::string format_generation_config(const llama_config& config) {
  io::json out;
  out["_from_model_config"] = true;
  out["bos_token_id"] = config.bos_token_id ? io::json(*config.bos_token_id) : io::json();
  out["eos_token_id"] = detail::ids_to_json(config.eos_token_ids);
  return out.dump(2) + "\n";
}

}  // namespace tulu::convert
