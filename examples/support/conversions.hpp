#pragma once

#include <filesystem>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/convert/inspection.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/plan.hpp>

/// The programs' work as in tulu::, compiled once for all of them.
namespace cli {

[[nodiscard]] tulu::diff::plan plan_recover(const tulu::checkpoint::catalogue& base,
                                            const tulu::checkpoint::catalogue& diff,
                                            const std::filesystem::path& folder, const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result recover(const tulu::checkpoint::catalogue& base,
                                        const tulu::checkpoint::catalogue& diff, const std::filesystem::path& folder,
                                        const tulu::diff_options& options);
[[nodiscard]] tulu::diff::plan plan_make_diff(const tulu::checkpoint::catalogue& base,
                                              const tulu::checkpoint::catalogue& tuned,
                                              const std::filesystem::path& folder, const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result make_diff(const tulu::checkpoint::catalogue& base,
                                          const tulu::checkpoint::catalogue& tuned, const std::filesystem::path& folder,
                                          const tulu::diff_options& options);
[[nodiscard]] tulu::inspection inspect(const std::filesystem::path& path);

[[nodiscard]] tulu::diff_result convert_to_folder(const std::filesystem::path& model,
                                                  const std::filesystem::path& folder,
                                                  const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result convert_to_gguf(const std::filesystem::path& model, const std::filesystem::path& file,
                                                const tulu::diff_options& options);
[[nodiscard]] tulu::diff_result recover_to_gguf(const tulu::checkpoint::catalogue& base,
                                                const tulu::checkpoint::catalogue& diff,
                                                const std::filesystem::path& file, const tulu::diff_options& options);

}  // namespace cli
