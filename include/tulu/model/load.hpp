#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/model/load_weights.hpp>
#include <tulu/scalar/block_scalar.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype_of.hpp>

namespace tulu {

namespace detail {

/// `options` for these kernels, with threads, which loading and the model share.
[[nodiscard]] inline load_options with_kernels(load_options options, const kernel::model_table& kernels) {
  if (!options.model.workers) options.model.workers = std::make_shared<executor>();
  options.kernels = &kernels;
  if (!kernels.has_panels()) options.layout = kernel::weight_layout::rows;
  return options;
}
[[nodiscard]] inline load_options with_kernels(const load_options& options) {
  return with_kernels(options, options.kernels != nullptr ? *options.kernels : kernel::model_for<simd::native>());
}

[[nodiscard]] inline std::unique_ptr<llama_model> make_model(std::shared_ptr<const llama_weights> weights,
                                                             const load_options& options) {
  return std::make_unique<llama_model>(std::move(weights), *options.kernels, options.model);
}

}  // namespace detail

/// The model at `path` with its matrices as Weight, computed with the instructions of Backend. `options.weights` and
/// `options.kernels` have no say here. Throws as load_llama_weights does.
template <weight_element Weight, simd::backend Backend = simd::native>
[[nodiscard]] llama<Weight, Backend> load_llama(const std::filesystem::path& path, const load_options& options = {}) {
  load_options chosen = detail::with_kernels(options, kernel::model_for<Backend>());
  chosen.weights = dtype_of<Weight>;
  return llama<Weight, Backend>{load_llama_weights(path, chosen, *chosen.model.workers), chosen.model};
}

/// The model at `path` with the type of its matrices and the backend chosen at run time by `options`.
[[nodiscard]] inline std::unique_ptr<llama_model> load_model(const std::filesystem::path& path,
                                                             const load_options& options = {}) {
  const load_options chosen = detail::with_kernels(options);
  return detail::make_model(load_llama_weights(path, chosen, *chosen.model.workers), chosen);
}

/// The same for a checkpoint that is open.
[[nodiscard]] inline std::unique_ptr<llama_model> load_model(const checkpoint::catalogue& model,
                                                             const llama_config& config,
                                                             const load_options& options = {}) {
  const load_options chosen = detail::with_kernels(options);
  return detail::make_model(load_llama_weights(model, config, chosen, *chosen.model.workers), chosen);
}

}  // namespace tulu
