#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/kernel/deferred_panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>

namespace tulu {

/// The weights of one decoder layer. Vectors are float32; a bias that the model does not have is null.
struct llama_layer {
  kernel::weight_matrix q_proj{};                   ///< [num_attention_heads × head_dim, hidden_size]
  kernel::weight_matrix k_proj{};                   ///< [num_key_value_heads × head_dim, hidden_size]
  kernel::weight_matrix v_proj{};                   ///< as k_proj
  kernel::weight_matrix o_proj{};                   ///< [hidden_size, num_attention_heads × head_dim]
  kernel::weight_matrix gate_proj{};                ///< [intermediate_size, hidden_size]
  kernel::weight_matrix up_proj{};                  ///< as gate_proj
  kernel::weight_matrix down_proj{};                ///< [hidden_size, intermediate_size]
  const float* input_layernorm = nullptr;           ///< [hidden_size]
  const float* post_attention_layernorm = nullptr;  ///< [hidden_size]
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;

  /// Pointers to all matrices of a layer, const or not.
  [[nodiscard]] static auto matrices(auto& layer) noexcept {
    return std::array{&layer.q_proj,    &layer.k_proj,  &layer.v_proj,   &layer.o_proj,
                      &layer.gate_proj, &layer.up_proj, &layer.down_proj};
  }
};

/// All weights of a model, whose values do not change; shared by every `llama_model` made of them. Matrices lie in the
/// mapped files of the checkpoint, in `buffers` or in `deferred`, vectors always in `buffers`.
struct llama_weights {
  llama_config config{};
  kernel::weight_matrix embed_tokens{};  ///< [vocab_size, hidden_size]
  kernel::weight_matrix lm_head{};       ///< [vocab_size, hidden_size]; embed_tokens itself when tied
  const float* norm = nullptr;           ///< [hidden_size]
  std::vector<llama_layer> layers{};

  std::vector<aligned_buffer> buffers{};
  std::vector<std::unique_ptr<kernel::deferred_panels>> deferred{};
  std::vector<std::shared_ptr<const checkpoint::tensor_file>> files{};
  std::vector<std::string> warnings{};  ///< one line each: a tensor with NaN, a tensor that was ignored
};

}  // namespace tulu
