#pragma once

#include <filesystem>

#include <tulu/checkpoint/open.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/prepare.hpp>

namespace tulu {

/// What recover would do, without doing it: for a dry run. Throws what recover would throw of its inputs; the output
/// folder and the free space are not looked at.
[[nodiscard]] inline diff::plan plan_recover(const checkpoint::catalogue& base, const checkpoint::catalogue& diff,
                                             const std::filesystem::path& path_tuned,
                                             const diff_options& options = {}) {
  return io::with_path_errors([&] { return diff::prepare(diff::operation::add, base, diff, path_tuned, options); });
}

/// Writes the tuned model: base + diff, summed in float32, as safetensors shards with index, config.json, the tokenizer
/// files of the diff and a manifest. The semantics are those of `recover` in open-instruct's weight_diff.py; memory
/// does not grow with the model.
///
/// Throws before touching `path_tuned` when anything does not fit. A run that was cut off is continued by the same call
/// and ends with the same bytes; an output of the same inputs and options that is complete is left as it is.
inline diff_result recover(const checkpoint::catalogue& base, const checkpoint::catalogue& diff,
                           const std::filesystem::path& path_tuned, const diff_options& options = {}) {
  return diff::run(diff::operation::add, base, diff, path_tuned, options);
}

}  // namespace tulu
