#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::checkpoint {

/// The number of `general.file_type` for a file whose matrices are mostly of that type (llama.h, enum llama_ftype; of
/// the K types the mixtures that llama-quantize calls medium).
[[nodiscard]] inline std::uint32_t gguf_file_type(dtype type) {
  switch (type) {
    case dtype::f32:
      return 0;
    case dtype::f16:
      return 1;
    case dtype::q4_0:
      return 2;
    case dtype::q4_1:
      return 3;
    case dtype::q8_0:
      return 7;
    case dtype::q5_0:
      return 8;
    case dtype::q5_1:
      return 9;
    case dtype::q4_k:
      return 15;
    case dtype::q5_k:
      return 17;
    case dtype::q6_k:
      return 18;
    case dtype::iq4_nl:
      return 25;
    case dtype::bf16:
      return 32;
    default:
      throw mismatch_error("GGUF file type", "", "a type of weights", name(type));
  }
}

/// The values of rope_freqs.weight, one divisor for each of the head_dim / 2 frequencies of the rotary embedding:
/// llama3 scaling as llama.cpp takes it (convert_hf_to_gguf.py, generate_extra_tensors). Empty when none is needed.
[[nodiscard]] inline std::vector<float> gguf_rope_factors(const llama_config& config) {
  if (config.scaling.type != rope_scaling_type::llama3) return config.rope_factors;
  const auto factor = static_cast<float>(config.scaling.factor);
  const auto low = static_cast<float>(config.scaling.low_freq_factor);
  const auto high = static_cast<float>(config.scaling.high_freq_factor);
  const auto context = static_cast<float>(config.scaling.original_max_position_embeddings);
  std::vector<float> factors(config.head_dim / 2);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(config.head_dim);
    const float frequency = 1.0F / static_cast<float>(std::pow(config.rope_theta, exponent));
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    const float smooth = (context / wavelength - low) / (high - low);
    factors[i] = wavelength < context / high  ? 1
                 : wavelength > context / low ? factor
                                              : 1 / ((1 - smooth) / factor + smooth);
  }
  return factors;
}

/// The metadata of a LLaMA model in the order of convert_hf_to_gguf.py, without the tokenizer's. `model_name` is for
/// people; `type` is that of most matrices. llama3 scaling is no key: see gguf_rope_factors. Throws for dynamic
/// scaling, which GGUF can not express.
[[nodiscard]] inline std::vector<gguf_entry> gguf_llama_keys(const llama_config& config, std::string_view model_name,
                                                             dtype type) {
  if (config.scaling.type == rope_scaling_type::dynamic)
    throw mismatch_error(config.file, "rope_scaling", "linear, llama3 or none for GGUF", "dynamic");
  std::vector<gguf_entry> keys;
  const auto add = [&](const char* key, const auto& value) { keys.push_back({key, gguf_value::of(value)}); };
  const auto extent = [&](const char* key, std::size_t value) { add(key, static_cast<std::uint32_t>(value)); };
  add("general.architecture", "llama");
  add("general.type", "model");
  add("general.name", model_name);
  extent("llama.block_count", config.num_hidden_layers);
  extent("llama.context_length", config.max_position_embeddings);
  extent("llama.embedding_length", config.hidden_size);
  extent("llama.feed_forward_length", config.intermediate_size);
  extent("llama.attention.head_count", config.num_attention_heads);
  extent("llama.attention.head_count_kv", config.num_key_value_heads);
  add("llama.rope.freq_base", static_cast<float>(config.rope_theta));
  add("llama.attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_norm_eps));
  extent("llama.attention.key_length", config.head_dim);
  extent("llama.attention.value_length", config.head_dim);
  add("general.file_type", gguf_file_type(type));
  extent("llama.vocab_size", config.vocab_size);
  extent("llama.rope.dimension_count", config.head_dim);
  if (config.scaling.type == rope_scaling_type::linear) {
    add("llama.rope.scaling.type", "linear");
    add("llama.rope.scaling.factor", static_cast<float>(config.scaling.factor));
  }
  add("general.quantization_version", std::uint32_t{2});
  return keys;
}

}  // namespace tulu::checkpoint
