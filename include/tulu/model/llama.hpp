#pragma once

#include <memory>
#include <string>
#include <utility>

#include <tulu/core/error.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype_of.hpp>

namespace tulu {

/// The forward pass over matrices of one type with the instructions of one backend, both known when it is compiled.
template <weight_scalar Weight, simd::backend Backend = simd::native>
class llama : public llama_model {
 public:
  /// Throws when a matrix is of another type.
  explicit llama(std::shared_ptr<const llama_weights> weights, const model_options& options = {})
      : llama_model{checked(std::move(weights)), kernel::model_for<Backend>(), options} {}

 private:
  [[nodiscard]] static std::shared_ptr<const llama_weights> checked(std::shared_ptr<const llama_weights> weights) {
    const auto check = [&](const kernel::weight_matrix& matrix) {
      if (matrix.type != dtype_of<Weight>)
        throw mismatch_error(weights->config.file, "", std::string{"weights in "} + std::string{name(dtype_of<Weight>)},
                             name(matrix.type));
    };
    check(weights->embed_tokens);
    check(weights->lm_head);
    for (const llama_layer& layer : weights->layers)
      for (const auto* matrix : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                 &layer.up_proj, &layer.down_proj})
        check(*matrix);
    return weights;
  }
};

}  // namespace tulu
