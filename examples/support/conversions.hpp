#pragma once

#include <filesystem>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/diff/options.hpp>

/// The conversions of tulu::, compiled once for all programs.
namespace cli {

[[nodiscard]] tulu::diff_result convert_to_folder(const std::filesystem::path& model,
                                                  const std::filesystem::path& folder,
                                                  const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result convert_to_gguf(const std::filesystem::path& model, const std::filesystem::path& file,
                                                const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result recover_to_gguf(const tulu::checkpoint::catalogue& base,
                                                const tulu::checkpoint::catalogue& diff,
                                                const std::filesystem::path& file, const tulu::diff_options& options);

}  // namespace cli
