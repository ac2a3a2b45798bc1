#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace tulu {

/// How the angles of the rotary embedding are stretched, in the words of config.json's `rope_scaling`.
enum class rope_scaling_type { none, linear, dynamic, llama3 };

struct rope_scaling {
  rope_scaling_type type = rope_scaling_type::none;
  double factor = 1;
  double low_freq_factor = 1;                           ///< llama3
  double high_freq_factor = 4;                          ///< llama3
  std::size_t original_max_position_embeddings = 8192;  ///< llama3
};

/// The shape of a LLaMA model, in the words of Hugging Face's config.json.
struct llama_config {
  std::string file{};  ///< for messages
  std::size_t vocab_size = 32000;
  std::size_t hidden_size = 4096;
  std::size_t intermediate_size = 11008;
  std::size_t num_hidden_layers = 32;
  std::size_t num_attention_heads = 32;
  std::size_t num_key_value_heads = 32;
  std::size_t head_dim = 128;
  std::size_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000;
  rope_scaling scaling{};
  /// Divisors of the head_dim / 2 frequencies of the rotary embedding, or empty. GGUF files have them in place of
  /// llama3 scaling.
  std::vector<float> rope_factors{};
  bool attention_bias = false;  ///< on q_proj, k_proj, v_proj and o_proj
  bool mlp_bias = false;        ///< on gate_proj, up_proj and down_proj
  bool tie_word_embeddings = false;
  std::optional<std::uint32_t> bos_token_id{};
  std::vector<std::uint32_t> eos_token_ids{};

  [[nodiscard]] std::size_t query_size() const noexcept { return num_attention_heads * head_dim; }
  [[nodiscard]] std::size_t key_value_size() const noexcept { return num_key_value_heads * head_dim; }
  /// The longest sequence that the rotary embedding is made for. Dynamic scaling has no end, linear scaling stretches
  /// max_position_embeddings by its factor, llama3 counts it in.
  [[nodiscard]] std::size_t longest_sequence() const noexcept {
    if (scaling.type == rope_scaling_type::dynamic) return std::numeric_limits<std::size_t>::max();
    if (scaling.type != rope_scaling_type::linear) return max_position_embeddings;
    constexpr double most = 1e15;
    return static_cast<std::size_t>(std::min(most, static_cast<double>(max_position_embeddings) * scaling.factor));
  }
};

}  // namespace tulu
