#include "conversions.hpp"

#include <tulu/convert/convert_to_folder.hpp>
#include <tulu/convert/convert_to_gguf.hpp>
#include <tulu/convert/recover_to_gguf.hpp>
#include <tulu/diff/make_diff.hpp>
#include <tulu/diff/recover.hpp>

namespace cli {

tulu::diff::plan plan_recover(const tulu::checkpoint::catalogue& base, const tulu::checkpoint::catalogue& diff,
                              const std::filesystem::path& folder, const tulu::diff_options& options) {
  return tulu::plan_recover(base, diff, folder, options);
}

tulu::diff_result recover(const tulu::checkpoint::catalogue& base, const tulu::checkpoint::catalogue& diff,
                          const std::filesystem::path& folder, const tulu::diff_options& options) {
  return tulu::recover(base, diff, folder, options);
}

tulu::diff::plan plan_make_diff(const tulu::checkpoint::catalogue& base, const tulu::checkpoint::catalogue& tuned,
                                const std::filesystem::path& folder, const tulu::diff_options& options) {
  return tulu::plan_make_diff(base, tuned, folder, options);
}

tulu::diff_result make_diff(const tulu::checkpoint::catalogue& base, const tulu::checkpoint::catalogue& tuned,
                            const std::filesystem::path& folder, const tulu::diff_options& options) {
  return tulu::make_diff(base, tuned, folder, options);
}

tulu::inspection inspect(const std::filesystem::path& path) {
  return tulu::inspect(path);
}

tulu::diff_result convert_to_folder(const std::filesystem::path& model, const std::filesystem::path& folder,
                                    const tulu::diff_options& options) {
  return tulu::convert_to_folder(model, folder, options);
}

tulu::diff_result convert_to_gguf(const std::filesystem::path& model, const std::filesystem::path& file,
                                  const tulu::diff_options& options) {
  return tulu::convert_to_gguf(model, file, options);
}

tulu::diff_result recover_to_gguf(const tulu::checkpoint::catalogue& base, const tulu::checkpoint::catalogue& diff,
                                  const std::filesystem::path& file, const tulu::diff_options& options) {
  return tulu::recover_to_gguf(base, diff, file, options);
}

}  // namespace cli
