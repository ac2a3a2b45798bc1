#pragma once

#include <cstddef>
#include <optional>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/kv_cache.hpp>
#include <tulu/model/weight_place.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// What a model will take, in bytes, before it is loaded.
struct memory_estimate {
  std::size_t weights_mapped = 0;     ///< of the page cache, which the system may take back
  std::size_t weights_in_memory = 0;  ///< converted, copied or packed
  std::size_t kv_cache = 0;
  std::size_t activations = 0;

  /// What the process cannot do without.
  [[nodiscard]] std::size_t in_memory() const noexcept { return weights_in_memory + kv_cache + activations; }
  [[nodiscard]] std::size_t total() const noexcept { return weights_mapped + in_memory(); }
};

/// The estimate for matrices of type `weights` (nothing: as stored) in this layout, one sequence of `context` positions
/// in a cache of type `cache_type`, and `activations` bytes of workspace. Exact but for the program itself, its threads
/// and the tables of names. Throws for a model that load_llama_weights refuses, and when the sum does not fit.
[[nodiscard]] inline memory_estimate estimate_memory(const checkpoint::catalogue& model, const llama_config& config,
                                                     std::optional<dtype> weights, kernel::weight_layout layout,
                                                     std::size_t context, dtype cache_type, std::size_t activations) {
  memory_estimate estimate{.kv_cache = kv_cache::bytes_for(config, context, cache_type), .activations = activations};
  std::optional<std::size_t> sum = checked_add(estimate.kv_cache, activations);
  detail::visit_needed(model, config, [&](const detail::weight_slot& slot, const checkpoint::stored_tensor& tensor) {
    const detail::weight_place place = detail::place_of(config, slot, tensor, weights, layout);
    const std::size_t bytes = place.matrix.bytes();
    (place.mapped && !place.defers() ? estimate.weights_mapped : estimate.weights_in_memory) += bytes;
    if (sum) sum = checked_add(*sum, bytes);
  });
  if (!sum) throw error{model.path().string() + ": the model with its cache is more than a machine can hold"};
  return estimate;
}

}  // namespace tulu
