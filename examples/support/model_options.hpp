#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "cli.hpp"
#include "progress_bar.hpp"
#include "type_names.hpp"
#include <tulu/core/cpu.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/tensor/dtype.hpp>

/// What the programs that run a model share.
namespace cli {

struct model_arguments {
  std::string model{};
  std::string weights = "auto";
  std::string backend{};
  bool allow_diff = false;
  bool check_tensors = true;
};

inline constexpr std::array<std::string_view, 8> weights_names{"auto", "f32",  "f16",  "bf16",
                                                               "q8_0", "q4_0", "q4_k", "q6_k"};

/// The types of keys and values.
inline constexpr std::array<std::string_view, 4> cache_names{"f32", "f16", "bf16", "q8_0"};

inline constexpr char model_help[] = "A model folder, a weight file with config.json beside it, or a GGUF file";

/// --weights, --backend and --allow-diff; the model is the program's own.
inline void add_model_options(CLI::App& app, model_arguments& arguments) {
  app.add_option("--weights", arguments.weights, "Type of the weight matrices in memory (auto: as stored)")
      ->check(one_of(weights_names))
      ->capture_default_str();
  app.add_option("--backend", arguments.backend, "Instructions to compute with (default: the best of this processor)")
      ->check(
          [](const std::string& name) {
            return tulu::kernel::is_backend_name(name) ? std::string{} : "unknown name " + name;
          },
          "NAME");
  app.add_flag("--allow-diff", arguments.allow_diff, "Run what looks like a weight diff");
}

/// The backend of that name, the best one for an empty name. Throws when this processor cannot run it.
[[nodiscard]] inline const tulu::kernel::backend_table& choose_backend(std::string_view name) {
  const tulu::cpu_features cpu = tulu::detect_cpu();
  if (name.empty()) return tulu::kernel::best_backend(cpu);
  if (const auto* const found = tulu::kernel::find_backend(name, cpu)) return *found;
  std::string usable;
  for (const auto* backend : tulu::kernel::usable_backends(cpu))
    usable.append(usable.empty() ? "" : ", ").append(backend->name);
  throw tulu::mismatch_error("--backend", "", "one that this processor can run (" + usable + ")", name);
}

[[nodiscard]] inline tulu::load_options to_load_options(const model_arguments& arguments, const common_options& common,
                                                        std::stop_token stop, progress_bar& bar) {
  const tulu::kernel::backend_table& backend = choose_backend(arguments.backend);
  tulu::load_options options;
  options.weights = parse_type(arguments.weights);
  options.conversion = backend.elementwise;
  options.kernels = backend.model;
  if (!backend.model->has_panels()) options.layout = tulu::kernel::weight_layout::rows;
  options.model.workers = std::make_shared<tulu::executor>(common.threads);
  options.check_numbers = arguments.check_tensors;
  options.on_progress = [&bar](std::size_t done, std::size_t total) { bar.update(done, total); };
  options.stop = std::move(stop);
  options.allow_diff = arguments.allow_diff;
  return options;
}

}  // namespace cli
