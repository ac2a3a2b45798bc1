#pragma once

#include <charconv>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu {

/// The type that a tensor is stored in, and whether the one meant for it did not fit its rows.
struct quantised_type {
  dtype type = dtype::f32;
  bool fallback = false;

  bool operator==(const quantised_type&) const = default;
};

namespace detail {

/// N of "model.layers.N.…", or nothing.
[[nodiscard]] inline std::optional<std::size_t> layer_of(std::string_view tensor) noexcept {
  constexpr std::string_view prefix = "model.layers.";
  if (!tensor.starts_with(prefix)) return std::nullopt;
  tensor.remove_prefix(prefix.size());
  std::size_t layer = 0;
  const auto read = std::from_chars(tensor.data(), tensor.data() + tensor.size(), layer);
  if (read.ec != std::errc{}) return std::nullopt;
  return layer;
}

/// The layers whose v_proj and down_proj get more bits: the first and the last eighth and every third between them.
[[nodiscard]] constexpr bool takes_more_bits(std::size_t layer, std::size_t layers) noexcept {
  const std::size_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

/// The type for rows that are no multiple of the block of `type`; itself where there is no smaller block.
[[nodiscard]] constexpr dtype next_type_that_fits(dtype type, std::size_t columns) noexcept {
  if (columns % block_of(type) == 0) return type;
  const dtype next = type == dtype::q4_k   ? dtype::q5_0
                     : type == dtype::q5_k ? dtype::q5_1
                     : type == dtype::q6_k ? dtype::q8_0
                                           : dtype::f16;
  return next_type_that_fits(next, columns);
}

/// The type meant for a matrix, whatever the length of its rows.
[[nodiscard]] inline dtype meant_type(dtype wanted, std::string_view tensor, const llama_config& config) noexcept {
  if (tensor == checkpoint::head_name || (tensor == checkpoint::embed_name && config.tie_word_embeddings))
    return wanted == dtype::q8_0 ? dtype::q8_0 : dtype::q6_k;
  if (wanted != dtype::q4_k && wanted != dtype::q5_k) return wanted;
  const auto layer = layer_of(tensor);
  const bool is_value = tensor.ends_with(".self_attn.v_proj.weight");
  if (!layer || !(is_value || tensor.ends_with(".mlp.down_proj.weight"))) return wanted;
  if (takes_more_bits(*layer, config.num_hidden_layers)) return dtype::q6_k;
  const bool is_70b = config.num_hidden_layers == 80 && config.num_attention_heads != config.num_key_value_heads;
  return is_value && is_70b ? dtype::q5_k : wanted;
}

}  // namespace detail

/// The type that llama.cpp's llama-quantize gives to a tensor (llama_tensor_get_type in src/llama-quant.cpp, without an
/// importance matrix) when `wanted` is asked for, a weight type; q4_k is its Q4_K_M and q5_k its Q5_K_M.
///
/// `tensor` is the name in transformers. Matrices get `wanted`, except that lm_head, and the table of embeddings that a
/// tied model has in its place, get q6_k or q8_0, and that the K types give q6_k to some layers' v_proj and down_proj.
/// Rows that are no multiple of the block take the next type that fits: q5_0 for q4_k, q5_1 for q5_k, q8_0 for q6_k,
/// else f16. Vectors and matrices of one row stay f32.
[[nodiscard]] inline quantised_type choose_quantised_type(dtype wanted, std::string_view tensor, const shape& extents,
                                                          const llama_config& config) noexcept {
  if (extents.rank() != 2 || extents[0] < 2) return {};
  if (!is_block_type(wanted)) return {wanted, false};
  const dtype meant = detail::meant_type(wanted, tensor, config);
  const dtype fitting = detail::next_type_that_fits(meant, extents[1]);
  return {fitting, fitting != meant};
}

/// The type of a matrix in the memory of a model of `wanted` weights: choose_quantised_type for block types, which are
/// mixes, else `wanted` itself, also for a single row.
[[nodiscard]] inline quantised_type matrix_type(dtype wanted, std::string_view tensor, const shape& extents,
                                                const llama_config& config) noexcept {
  if (!is_block_type(wanted)) return {wanted, false};
  return choose_quantised_type(wanted, tensor, extents, config);
}

/// The type of a tensor's weights in the memory of a model: as stored when nothing is wanted, vectors as float32.
[[nodiscard]] inline quantised_type weight_type_of(const llama_config& config, const checkpoint::stored_tensor& tensor,
                                                   std::optional<dtype> wanted) noexcept {
  if (tensor.extents().rank() < 2) return {};
  if (!wanted) return {tensor.type(), false};
  return matrix_type(*wanted, tensor.name(), tensor.extents(), config);
}

/// How a matrix of a model lies in memory when `wanted` is asked for: what is only looked up row by row stays in rows.
[[nodiscard]] inline kernel::weight_layout layout_of(const llama_config& config, std::string_view tensor, dtype type,
                                                     kernel::weight_layout wanted) noexcept {
  const bool looked_up = tensor == checkpoint::embed_name && !config.tie_word_embeddings;
  return looked_up || !kernel::has_panels(type) ? kernel::weight_layout::rows : wanted;
}

/// Counts the matrices that did not get the type meant for them.
class fallback_count {
 public:
  /// Counts a choice for a tensor of these extents, vectors left out.
  void add(const quantised_type& choice, const shape& extents) {
    if (extents.rank() != 2 || extents[0] < 2) return;
    ++matrices_;
    if (!choice.fallback) return;
    ++fallbacks_;
    instead_.insert(choice.type);
  }

  [[nodiscard]] std::size_t matrices() const noexcept { return matrices_; }
  [[nodiscard]] std::size_t fallbacks() const noexcept { return fallbacks_; }

  /// "180 of 211 matrices have rows that are no multiple of a block: q5_0 and q8_0 instead", or nothing to say.
  [[nodiscard]] std::optional<std::string> line() const {
    if (fallbacks_ == 0) return std::nullopt;
    std::string types;
    for (auto type = instead_.begin(); type != instead_.end(); ++type) {
      if (type != instead_.begin()) types += std::next(type) == instead_.end() ? " and " : ", ";
      types += *type == dtype::f16 ? "f16" : traits(*type).torch;
    }
    return std::to_string(fallbacks_) + " of " + std::to_string(matrices_) +
           " matrices have rows that are no multiple of a block of the wanted type: " + types + " instead";
  }

 private:
  std::size_t matrices_ = 0, fallbacks_ = 0;
  std::set<dtype> instead_;
};

}  // namespace tulu
