#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>

#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// What loading a model can be told.
struct load_options {
  /// Type of the weight matrices in memory: F32, F16, BF16 or a block type that can be encoded, which is a mix as in
  /// quantised_type.hpp. Nothing: each as it is stored.
  std::optional<dtype> weights{};
  /// How quantised matrices lie in memory, for load_llama_weights: in panels, which kernels are fastest with and which
  /// are copies, or in rows, which stay in the mapped file if they are stored in the wanted type. A table of embeddings
  /// that is nothing else, and types that have no panels, are in rows in any case.
  kernel::weight_layout layout = kernel::weight_layout::panels;
  model_options model{};
  /// The arithmetic of the conversion and of the forward pass, for load_model. The defaults fit the compiler flags in
  /// force; kernel/dispatch.hpp chooses at run time.
  const kernel::elementwise_table* conversion = &kernel::elementwise_for<simd::native>();
  const kernel::model_table* kernels = nullptr;  ///< null: those of simd::native
  /// Read every weight, to warn of those that are NaN or infinite. Without, what can stay in a mapped file is not read
  /// before it is used: a model begins sooner, and a weight that is NaN shows as nan_logits.
  bool check_numbers = true;
  /// Called from any thread, one call at a time, with the stored bytes that are read and their total.
  std::function<void(std::size_t done, std::size_t total)> on_progress{};
  /// A request to stop ends the loading with `cancelled`.
  std::stop_token stop{};
  /// Load what looks like a weight diff.
  bool allow_diff = false;
};

}  // namespace tulu
