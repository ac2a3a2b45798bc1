#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/tensor_names.hpp>

namespace tulu::checkpoint {

/// The tensor of GGUF that holds one divisor per frequency of the rotary embedding.
inline constexpr std::string_view rope_factors_name = "rope_freqs.weight";

/// The tensors that show how a GGUF model is made.
inline constexpr std::string_view gguf_embed_name = "token_embd.weight";
inline constexpr std::string_view gguf_head_name = "output.weight";

namespace detail {

using name_pair = std::pair<std::string_view, std::string_view>;

/// GGUF's name and transformers'.
inline constexpr std::array<name_pair, 3> gguf_model_names{
    {{gguf_embed_name, embed_name}, {"output_norm.weight", "model.norm.weight"}, {gguf_head_name, head_name}}};

/// The same inside a layer; weights and biases.
inline constexpr std::array<name_pair, 9> gguf_layer_names{{{"attn_norm", "input_layernorm"},
                                                            {"attn_q", "self_attn.q_proj"},
                                                            {"attn_k", "self_attn.k_proj"},
                                                            {"attn_v", "self_attn.v_proj"},
                                                            {"attn_output", "self_attn.o_proj"},
                                                            {"ffn_norm", "post_attention_layernorm"},
                                                            {"ffn_gate", "mlp.gate_proj"},
                                                            {"ffn_up", "mlp.up_proj"},
                                                            {"ffn_down", "mlp.down_proj"}}};

inline constexpr std::string_view gguf_layer_prefix = "blk.";
inline constexpr std::string_view layer_prefix = "model.layers.";

/// `name`, which begins with `from` and a layer's number, in the other spelling.
template <class Pick>
[[nodiscard]] std::optional<std::string> translate_layer(std::string_view name, std::string_view from,
                                                         std::string_view to, Pick&& pick) {
  if (!name.starts_with(from)) return std::nullopt;
  name.remove_prefix(from.size());
  const std::size_t digits = name.find_first_not_of("0123456789");
  if (digits == 0 || digits == name.npos || name[digits] != '.') return std::nullopt;
  const std::string_view number = name.substr(0, digits + 1);
  const std::string_view rest = name.substr(digits + 1);
  for (const name_pair& pair : gguf_layer_names) {
    const auto [own, other] = pick(pair);
    if (!rest.starts_with(own)) continue;
    const std::string_view kind = rest.substr(own.size());
    if (kind == ".weight" || kind == ".bias") return std::string{to}.append(number).append(other).append(kind);
  }
  return std::nullopt;
}

template <class Pick>
[[nodiscard]] std::optional<std::string> translate_model(std::string_view name, Pick&& pick) {
  for (const name_pair& pair : gguf_model_names)
    if (const auto [own, other] = pick(pair); own == name) return std::string{other};
  return std::nullopt;
}

}  // namespace detail

/// The name that transformers gives to the tensor of a GGUF file of architecture llama, "blk.3.attn_q.weight"; nothing
/// for a name that it has no tensor for.
[[nodiscard]] inline std::optional<std::string> name_from_gguf(std::string_view name) {
  const auto as_it_is = [](const detail::name_pair& pair) { return pair; };
  if (auto found = detail::translate_model(name, as_it_is)) return found;
  return detail::translate_layer(name, detail::gguf_layer_prefix, detail::layer_prefix, as_it_is);
}

/// The reverse of name_from_gguf.
[[nodiscard]] inline std::optional<std::string> name_to_gguf(std::string_view name) {
  const auto reversed = [](const detail::name_pair& pair) { return detail::name_pair{pair.second, pair.first}; };
  if (auto found = detail::translate_model(name, reversed)) return found;
  return detail::translate_layer(name, detail::layer_prefix, detail::gguf_layer_prefix, reversed);
}

}  // namespace tulu::checkpoint
