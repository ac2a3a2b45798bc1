#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::detail {

/// A tensor that a model needs, and the member of llama_weights that it becomes.
struct weight_slot {
  std::string name;
  shape extents;
  kernel::weight_matrix* matrix = nullptr;  ///< null for a vector
  const float** vector = nullptr;           ///< null for a matrix
};

/// The tensors of decoder layer `index`, under the names of transformers.
[[nodiscard]] inline std::vector<weight_slot> layer_slots(const llama_config& config, std::size_t index,
                                                          llama_layer& layer) {
  const std::size_t hidden = config.hidden_size, inner = config.intermediate_size;
  const std::size_t query = config.query_size(), key_value = config.key_value_size();
  const std::string at = "model.layers." + std::to_string(index) + ".";
  std::vector<weight_slot> slots;
  const auto linear = [&](const char* name, std::size_t rows, std::size_t columns, kernel::weight_matrix& matrix,
                          bool biased, const float*& bias) {
    slots.push_back({at + name + ".weight", {rows, columns}, &matrix, nullptr});
    if (biased) slots.push_back({at + name + ".bias", {rows}, nullptr, &bias});
  };
  slots.push_back({at + "input_layernorm.weight", {hidden}, nullptr, &layer.input_layernorm});
  linear("self_attn.q_proj", query, hidden, layer.q_proj, config.attention_bias, layer.q_bias);
  linear("self_attn.k_proj", key_value, hidden, layer.k_proj, config.attention_bias, layer.k_bias);
  linear("self_attn.v_proj", key_value, hidden, layer.v_proj, config.attention_bias, layer.v_bias);
  linear("self_attn.o_proj", hidden, query, layer.o_proj, config.attention_bias, layer.o_bias);
  slots.push_back({at + "post_attention_layernorm.weight", {hidden}, nullptr, &layer.post_attention_layernorm});
  linear("mlp.gate_proj", inner, hidden, layer.gate_proj, config.mlp_bias, layer.gate_bias);
  linear("mlp.up_proj", inner, hidden, layer.up_proj, config.mlp_bias, layer.up_bias);
  linear("mlp.down_proj", hidden, inner, layer.down_proj, config.mlp_bias, layer.down_bias);
  return slots;
}

/// The tensors outside the layers. A tied model has one matrix for both ends, under either name.
[[nodiscard]] inline std::vector<weight_slot> outer_slots(const checkpoint::catalogue& model,
                                                          const llama_config& config, llama_weights& weights) {
  const shape vocabulary{config.vocab_size, config.hidden_size};
  const bool tied = config.tie_word_embeddings;
  const bool has_embed =
      !tied || model.find(checkpoint::embed_name) != nullptr || model.find(checkpoint::head_name) == nullptr;
  std::vector<weight_slot> slots;
  slots.push_back({std::string{has_embed ? checkpoint::embed_name : checkpoint::head_name}, vocabulary,
                   &weights.embed_tokens, nullptr});
  slots.push_back({"model.norm.weight", {config.hidden_size}, nullptr, &weights.norm});
  if (!tied) slots.push_back({std::string{checkpoint::head_name}, vocabulary, &weights.lm_head, nullptr});
  return slots;
}

/// The stored tensor of a slot. Throws when there is none, and when its shape or type is another.
[[nodiscard]] inline const checkpoint::stored_tensor& tensor_of(const checkpoint::catalogue& model,
                                                                const llama_config& config, const weight_slot& slot) {
  const checkpoint::stored_tensor* const tensor = model.find(slot.name);
  if (tensor == nullptr)
    throw mismatch_error(
        model.path().string(), slot.name,
        "a tensor of shape " + to_string(slot.extents) +
            (slot.name == checkpoint::head_name ? " (" + config.file + " does not say tie_word_embeddings)"
                                                : std::string{}),
        "no such tensor");
  const std::string file = tensor->file().path().string();
  if (tensor->extents() != slot.extents)
    throw mismatch_error(file, slot.name, "shape " + to_string(slot.extents) + " as " + config.file + " says",
                         "shape " + to_string(tensor->extents()));
  if (!is_weight_type(tensor->type()))
    throw mismatch_error(file, slot.name, "F32, F16, BF16 or a block type", name(tensor->type()));
  const std::size_t block = block_of(tensor->type());
  if (slot.extents[slot.extents.rank() - 1] % block != 0)
    throw mismatch_error(
        file, slot.name,
        "rows of whole blocks of " + std::to_string(block) + " in " + std::string{name(tensor->type())},
        "shape " + to_string(slot.extents));
  return *tensor;
}

/// Calls visit(slot, tensor) for every tensor that the model needs, in the order in which a pass reads them. Layer i's
/// slots point into layer_at(i), which is called when layer i - 1 was visited: a config that promises more layers than
/// there are fails at the first that is missing.
template <class LayerAt, class Visit>
void visit_slots(const checkpoint::catalogue& model, llama_weights& weights, LayerAt&& layer_at, Visit&& visit) {
  const llama_config& config = weights.config;
  for (const weight_slot& slot : outer_slots(model, config, weights)) visit(slot, tensor_of(model, config, slot));
  for (std::size_t i = 0; i < config.num_hidden_layers; ++i)
    for (const weight_slot& slot : layer_slots(config, i, layer_at(i))) visit(slot, tensor_of(model, config, slot));
}

/// The same for those who want the tensors only.
template <class Visit>
void visit_needed(const checkpoint::catalogue& model, const llama_config& config, Visit&& visit) {
  llama_weights unused;
  unused.config = config;
  llama_layer layer;
  visit_slots(
      model, unused, [&](std::size_t) -> llama_layer& { return layer; }, visit);
}

/// The names of the tensors that a model needs, all of which are there.
[[nodiscard]] inline std::set<std::string> needed_names(const checkpoint::catalogue& model,
                                                        const llama_config& config) {
  std::set<std::string> names;
  visit_needed(model, config,
               [&](const weight_slot& slot, const checkpoint::stored_tensor&) { names.insert(slot.name); });
  return names;
}

/// One line on the tensors that the model has no use for; nothing when there are none. Not counted are buffers that a
/// model computes itself and the second of two tied matrices.
[[nodiscard]] inline std::optional<std::string> describe_ignored(const checkpoint::catalogue& model,
                                                                 const llama_config& config) {
  const std::set<std::string> needed = needed_names(model, config);
  const checkpoint::stored_tensor* first = nullptr;
  std::size_t count = 0;
  for (const checkpoint::stored_tensor& tensor : model.tensors()) {
    const bool is_outer = tensor.name() == checkpoint::embed_name || tensor.name() == checkpoint::head_name;
    if (is_outer || needed.contains(tensor.name()) || checkpoint::is_derived_buffer(tensor.name())) continue;
    if (count++ == 0) first = &tensor;
  }
  if (count == 0) return std::nullopt;
  return first->file().path().string() + ": " + printable(first->name()) +
         (count == 1 ? std::string{" is"} : " and " + std::to_string(count - 1) + " more are") +
         " ignored: " + config.file + " asks for no such " + (count == 1 ? "tensor" : "tensors");
}

}  // namespace tulu::detail
