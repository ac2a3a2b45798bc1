#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype_of.hpp>

namespace tulu {

/// The forward pass over matrices of one type with the instructions of one backend, both known when it is compiled. A
/// block type stands for its mix, see quantised_type.hpp.
template <weight_element Weight, simd::backend Backend = simd::native>
class llama : public llama_model {
 public:
  /// Throws when a matrix is of another type.
  explicit llama(std::shared_ptr<const llama_weights> weights, const model_options& options = {})
      : llama_model{checked(std::move(weights)), kernel::model_for<Backend>(), options} {}

 private:
  [[nodiscard]] static std::shared_ptr<const llama_weights> checked(std::shared_ptr<const llama_weights> weights) {
    const llama_config& config = weights->config;
    const auto check = [&](std::string_view tensor, const kernel::weight_matrix& matrix) {
      const dtype wanted = matrix_type(dtype_of<Weight>, tensor, {matrix.rows, matrix.columns}, config).type;
      if (matrix.type != wanted)
        throw mismatch_error(config.file, tensor, std::string{"weights in "} + std::string{name(wanted)},
                             name(matrix.type));
    };
    check(checkpoint::embed_name, weights->embed_tokens);
    check(checkpoint::head_name, weights->lm_head);
    for (std::size_t i = 0; i < weights->layers.size(); ++i) {
      llama_layer layer = weights->layers[i];
      for (const detail::weight_slot& slot : detail::layer_slots(config, i, layer))
        if (slot.matrix != nullptr) check(slot.name, *slot.matrix);
    }
    return weights;
  }
};

}  // namespace tulu
