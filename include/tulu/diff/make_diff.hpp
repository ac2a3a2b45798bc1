#pragma once

#include <filesystem>

#include <tulu/checkpoint/open.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/prepare.hpp>

namespace tulu {

namespace detail {

[[nodiscard]] inline diff_options with_default_type(diff_options options) {
  if (!options.type) options.type = dtype::f32;
  return options;
}

}  // namespace detail

/// What make_diff would do, without doing it: see plan_recover.
[[nodiscard]] inline diff::plan plan_make_diff(const checkpoint::catalogue& base, const checkpoint::catalogue& tuned,
                                               const std::filesystem::path& path_diff,
                                               const diff_options& options = {}) {
  return io::with_path_errors([&] {
    return diff::prepare(diff::operation::subtract, base, tuned, path_diff, detail::with_default_type(options));
  });
}

/// Writes the diff to publish: tuned - base in float32, with the config and tokenizer files of the tuned model, so that
/// recover gives the tuned weights back up to float32 rounding. Same output files, checks and resuming as recover.
///
/// Differs from `make_diff` in open-instruct's weight_diff.py in two points, both of which make the diff exact: new
/// vocabulary rows are taken against the mean of the base's rows, as recover does (the script takes them against random
/// rows, which nobody can add back), and a tied embedding is subtracted once (the script subtracts it twice); the
/// marker `tulu_diff` in the files' `__metadata__` tells recover so.
inline diff_result make_diff(const checkpoint::catalogue& base, const checkpoint::catalogue& tuned,
                             const std::filesystem::path& path_diff, const diff_options& options = {}) {
  return diff::run(diff::operation::subtract, base, tuned, path_diff, detail::with_default_type(options));
}

}  // namespace tulu
