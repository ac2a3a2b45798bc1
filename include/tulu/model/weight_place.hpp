#pragma once

#include <cstddef>
#include <optional>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/tensor/tensor.hpp>

namespace tulu::detail {

/// What becomes of a stored tensor in the memory of a model.
struct weight_place {
  quantised_type chosen{};
  kernel::weight_matrix matrix{};       ///< without its data; a vector is one of one column
  std::optional<tensor_view> mapped{};  ///< where it lies in the file, when it stays there or its panels are deferred

  [[nodiscard]] bool defers() const noexcept { return mapped && matrix.in_panels(); }
};

/// The place of a slot's tensor when matrices of type `wanted` (nothing: as stored) are asked for in this layout.
[[nodiscard]] inline weight_place place_of(const llama_config& config, const weight_slot& slot,
                                           const checkpoint::stored_tensor& tensor, std::optional<dtype> wanted,
                                           kernel::weight_layout layout) {
  weight_place place{weight_type_of(config, tensor, wanted)};
  const dtype type = place.chosen.type;
  place.matrix = {type, slot.extents[0], slot.matrix == nullptr ? 1 : slot.extents[1]};
  if (slot.matrix == nullptr) return place;
  place.matrix.layout = layout_of(config, slot.name, type, layout);
  if (type != tensor.type()) return place;
  place.mapped = tensor.view();
  if (place.mapped || config.attention_bias) return place;  // biases are in the order of halves
  place.mapped = checkpoint::view_in_pairs(tensor, config.head_dim);
  place.matrix.in_pairs = place.mapped.has_value();
  return place;
}

}  // namespace tulu::detail
