#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

/// The readers of models as in tulu::, compiled once for all programs.
namespace cli {

[[nodiscard]] tulu::checkpoint::catalogue open_checkpoint(const std::filesystem::path& path);
[[nodiscard]] tulu::llama_config load_llama_config(const std::filesystem::path& model);
[[nodiscard]] tulu::tokenizer load_tokenizer(const std::filesystem::path& path,
                                             std::optional<tulu::tokenizer_mode> mode);
[[nodiscard]] std::unique_ptr<tulu::llama_model> load_model(const std::filesystem::path& path,
                                                            const tulu::load_options& options);
[[nodiscard]] std::unique_ptr<tulu::llama_model> load_model(const tulu::checkpoint::catalogue& model,
                                                            const tulu::llama_config& config,
                                                            const tulu::load_options& options);

[[nodiscard]] std::shared_ptr<const tulu::llama_weights> load_llama_weights(const std::filesystem::path& path,
                                                                            const tulu::load_options& options);

}  // namespace cli
