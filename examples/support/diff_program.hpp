#pragma once

#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>

#include "cli.hpp"
#include "progress_bar.hpp"
#include "type_names.hpp"
#include <tulu/diff/options.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/kernel/dispatch.hpp>

/// What the programs that write models share.
namespace cli {

struct diff_arguments {
  common_options common{};
  std::string base{};
  std::string source{};
  std::string out{};
  std::string type{};
  std::string max_shard_size = "5GB";
  bool dry_run = false;
  bool force = false;
};

inline constexpr std::string_view can_be_continued = "interrupted: run the same command again to continue";
inline constexpr std::string_view starts_over = "interrupted: the same command starts over";

/// What all programs that write models take.
template <class Types>
void add_output_options(CLI::App& app, diff_arguments& arguments, const Types& types) {
  add_common_options(app, arguments.common);
  app.add_option("--dtype", arguments.type, "Type of the output's floating-point tensors")
      ->check(one_of(types))
      ->capture_default_str();
  app.add_option("--max-shard-size", arguments.max_shard_size, "Largest shard: bytes, or with a unit: MB, GB, MiB, GiB")
      ->check([](const std::string& text) {
        return parse_size(text) ? std::string{} : "expected a size such as 5GB, found " + text;
      })
      ->capture_default_str();
  app.add_flag("--force", arguments.force, "Replace an output that tulu made of other inputs or options");
}

template <class Types>
void add_diff_options(CLI::App& app, diff_arguments& arguments, const Types& types) {
  add_output_options(app, arguments, types);
  app.add_flag("--dry-run", arguments.dry_run, "Check everything and print the plan; write nothing");
}

[[nodiscard]] inline tulu::diff_options to_options(const diff_arguments& arguments, std::stop_token stop,
                                                   progress_bar& bar) {
  tulu::diff_options options;
  options.type = parse_type(arguments.type);
  options.max_shard_bytes = parse_size(arguments.max_shard_size).value();
  options.force = arguments.force;
  options.threads = arguments.common.threads;
  options.kernels = &tulu::kernel::best_elementwise(tulu::detect_cpu());
  options.on_progress = [&bar](std::size_t done, std::size_t total) { bar.update(done, total); };
  options.on_warning = [](std::string_view text) { std::cerr << "warning: " << text << '\n'; };
  options.stop = std::move(stop);
  return options;
}

void print_plan(const tulu::diff::plan& plan, const tulu::diff_options& options);

void print_result(const tulu::diff_result& result, const std::string& out, double seconds, bool quiet);

/// Runs `run(options)` with progress and prints what it did.
template <class Run>
void run_diff(const diff_arguments& arguments, const tulu::diff_options& options, progress_bar& bar, Run&& run) {
  const auto start = std::chrono::steady_clock::now();
  const tulu::diff_result result = run(options);
  bar.clear();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  print_result(result, arguments.out, seconds.count(), arguments.common.quiet);
}

/// Hashes the output again, a folder or a GGUF file, and compares it with its manifest.
void run_verify(const diff_arguments& arguments, const tulu::diff_options& options, progress_bar& bar);

}  // namespace cli
