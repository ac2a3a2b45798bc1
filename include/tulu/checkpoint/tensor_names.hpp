#pragma once

#include <string_view>

namespace tulu::checkpoint {

// The names that transformers gives to LLaMA's tensors, where they are not spelled out by model/load_weights.hpp.

inline constexpr std::string_view embed_name = "model.embed_tokens.weight";
inline constexpr std::string_view head_name = "lm_head.weight";

/// `rotary_emb.inv_freq` is computed from the configuration; old checkpoints store it, and a diff of it is useless.
[[nodiscard]] inline bool is_derived_buffer(std::string_view name) noexcept {
  return name.ends_with("rotary_emb.inv_freq");
}

/// The weights of RMSNorm layers, which are near one in every trained model.
[[nodiscard]] inline bool is_norm_weight(std::string_view name) noexcept {
  return name.ends_with("layernorm.weight") || name.ends_with("model.norm.weight");
}

}  // namespace tulu::checkpoint
