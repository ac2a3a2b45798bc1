#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include <tulu/core/executor.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/model/load_weights.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype_of.hpp>

namespace tulu {

namespace detail {

/// `options` with threads, which loading and the model share.
[[nodiscard]] inline load_options with_workers(load_options options) {
  if (!options.model.workers) options.model.workers = std::make_shared<executor>();
  return options;
}

}  // namespace detail

/// The model at `path` with its matrices as Weight, computed with the instructions of Backend. `options.weights` and
/// `options.kernels` have no say here. Throws as load_llama_weights does.
template <weight_scalar Weight, simd::backend Backend = simd::native>
[[nodiscard]] llama<Weight, Backend> load_llama(const std::filesystem::path& path, const load_options& options = {}) {
  load_options chosen = detail::with_workers(options);
  chosen.weights = dtype_of<Weight>;
  return llama<Weight, Backend>{load_llama_weights(path, chosen, *chosen.model.workers), chosen.model};
}

/// The model at `path` with the type of its matrices and the backend chosen at run time by `options`.
[[nodiscard]] inline std::unique_ptr<llama_model> load_model(const std::filesystem::path& path,
                                                             const load_options& options = {}) {
  const load_options chosen = detail::with_workers(options);
  const kernel::model_table& kernels = chosen.kernels != nullptr ? *chosen.kernels : kernel::model_for<simd::native>();
  return std::make_unique<llama_model>(load_llama_weights(path, chosen, *chosen.model.workers), kernels, chosen.model);
}

}  // namespace tulu
