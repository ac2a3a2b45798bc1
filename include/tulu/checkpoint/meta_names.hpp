#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace tulu::checkpoint {

/// How the model-parallel files of a Meta checkpoint share a tensor: each has a part of its rows, a part of its
/// columns, of one or the other (the embedding: columns in Llama 1 and 2, rows in Llama 3), or a copy.
enum class meta_split { rows, columns, embedding, copies };

/// Whether the rows of a tensor are turned by the rotary embedding, and whose heads they are.
enum class meta_rotary { none, query, key };

/// What a tensor of a Meta checkpoint is.
struct meta_tensor {
  std::string name;  ///< Hugging Face's
  meta_split split;
  meta_rotary rotary = meta_rotary::none;
};

namespace detail {

struct meta_name_row {
  std::string_view meta;
  std::string_view hugging_face;
  meta_split split;
  meta_rotary rotary = meta_rotary::none;
};

inline constexpr std::array<meta_name_row, 3> meta_outer_names{{
    {"tok_embeddings.weight", "model.embed_tokens.weight", meta_split::embedding},
    {"norm.weight", "model.norm.weight", meta_split::copies},
    {"output.weight", "lm_head.weight", meta_split::rows},
}};

inline constexpr std::array<meta_name_row, 9> meta_layer_names{{
    {"attention.wq.weight", "self_attn.q_proj.weight", meta_split::rows, meta_rotary::query},
    {"attention.wk.weight", "self_attn.k_proj.weight", meta_split::rows, meta_rotary::key},
    {"attention.wv.weight", "self_attn.v_proj.weight", meta_split::rows},
    {"attention.wo.weight", "self_attn.o_proj.weight", meta_split::columns},
    {"feed_forward.w1.weight", "mlp.gate_proj.weight", meta_split::rows},
    {"feed_forward.w2.weight", "mlp.down_proj.weight", meta_split::columns},
    {"feed_forward.w3.weight", "mlp.up_proj.weight", meta_split::rows},
    {"attention_norm.weight", "input_layernorm.weight", meta_split::copies},
    {"ffn_norm.weight", "post_attention_layernorm.weight", meta_split::copies},
}};

}  // namespace detail

/// The angles of the rotary embedding, which a model computes itself: "rope.freqs", in Llama 1 in every layer.
[[nodiscard]] inline bool is_meta_rope_buffer(std::string_view name) noexcept {
  return name == "rope.freqs" || name.ends_with(".rope.freqs");
}

/// What the tensor of that name in Meta's reference implementation (llama/model.py) is, or nothing.
[[nodiscard]] inline std::optional<meta_tensor> parse_meta_name(std::string_view name) {
  for (const detail::meta_name_row& row : detail::meta_outer_names)
    if (name == row.meta) return meta_tensor{std::string{row.hugging_face}, row.split, row.rotary};
  constexpr std::string_view prefix = "layers.";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  const std::string_view layer = name.substr(0, name.find_first_not_of("0123456789"));
  const bool is_number = !layer.empty() && layer.size() <= 5 && (layer.size() == 1 || layer[0] != '0');
  if (!is_number || !name.substr(layer.size()).starts_with('.')) return std::nullopt;
  for (const detail::meta_name_row& row : detail::meta_layer_names)
    if (name.substr(layer.size() + 1) == row.meta)
      return meta_tensor{"model.layers." + std::string{layer} + "." + std::string{row.hugging_face}, row.split,
                         row.rotary};
  return std::nullopt;
}

}  // namespace tulu::checkpoint
