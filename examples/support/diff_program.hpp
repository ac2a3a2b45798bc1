#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "cli.hpp"
#include "progress_bar.hpp"
#include <tulu/convert/gguf_output.hpp>
#include <tulu/diff/execute.hpp>
#include <tulu/diff/make_diff.hpp>
#include <tulu/diff/recover.hpp>
#include <tulu/diff/verify.hpp>
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

inline constexpr std::array<std::string_view, 6> diff_types{"float32", "float16", "bfloat16", "f32", "f16", "bf16"};

/// The block types that are written, to GGUF only.
inline constexpr std::array<std::string_view, 4> quantised_types{"q8_0", "q4_0", "q4_k", "q6_k"};

/// The dtype of one of `diff_types` or `quantised_types`; nothing for another name.
[[nodiscard]] inline std::optional<tulu::dtype> parse_type(std::string_view name) {
  if (name == "f32") return tulu::dtype::f32;
  if (name == "f16") return tulu::dtype::f16;
  if (name == "bf16") return tulu::dtype::bf16;
  if (const auto type = tulu::block_dtype(name)) return type;
  return tulu::dtype_from_torch(name);
}

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

/// The types of the output: "F32", or "F32 (290 tensors), I64 (1 tensor)".
[[nodiscard]] inline std::string describe_types(const tulu::diff::plan& plan) {
  std::string text;
  for (const tulu::dtype_traits& row : tulu::dtypes) {
    std::size_t count = 0;
    for (const auto& tensor : plan.tensors) count += tensor.type == row.type;
    if (count == plan.tensors.size()) return std::string{row.safetensors};
    if (count == 0) continue;
    text.append(text.empty() ? "" : ", ").append(row.safetensors).append(" (" + std::to_string(count));
    text.append(count == 1 ? " tensor)" : " tensors)");
  }
  return text;
}

inline void print_plan(const tulu::diff::plan& plan, const tulu::diff_options& options) {
  const auto before = tulu::diff::examine_output(plan, options.force);
  const auto bytes = [](std::size_t count) {
    return std::to_string(count) + " bytes (" + human_bytes(static_cast<double>(count)) + ")";
  };
  const std::size_t needed = tulu::diff::missing_bytes(plan, before);
  const std::size_t available = tulu::diff::free_space(plan.folder);
  for (const std::string& warning : plan.warnings) options.on_warning(warning);
  if (available < needed) options.on_warning(plan.folder.string() + ": not enough free disk");
  std::cout << "tensors: " << plan.tensors.size() << '\n'
            << "bytes: " << bytes(plan.bytes()) << '\n'
            << "shards: " << plan.shards.size() << '\n'
            << "dtype: " << describe_types(plan) << '\n'
            << "copied files: " << plan.copies.size() << '\n'
            << "peak memory: " << bytes(tulu::diff::peak_memory_bytes(plan, options)) << '\n'
            << "disk: " << bytes(needed) << " to write, " << bytes(available) << " free\n";
}

inline void print_result(const tulu::diff_result& result, const std::string& out, double seconds, bool quiet) {
  const auto bytes = static_cast<double>(result.bytes);
  if (result.already_complete) {
    std::cout << out << ": complete already, nothing to do\n";
  } else {
    std::cout << out << ": " << result.tensors << " tensors, " << human_bytes(bytes) << " in " << result.shards
              << (result.shards == 1 ? " shard\n" : " shards\n");
    if (result.resumed_shards != 0 && !quiet)
      std::cerr << "kept from an earlier run: " << result.resumed_shards << " shards\n";
    if (!quiet) std::cerr << seconds << " s, " << human_bytes(bytes / seconds) << "/s\n";
  }
  std::cout << "tensor_digest: " << result.tensor_digest << '\n';
}

/// Runs `run(options)` with progress and prints what it did.
template <class Run>
void run_diff(const diff_arguments& arguments, const tulu::diff_options& options, progress_bar& bar, Run&& run) {
  const auto start = std::chrono::steady_clock::now();
  const tulu::diff_result result = run(options);
  bar.clear();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  print_result(result, arguments.out, seconds.count(), arguments.common.quiet);
}

inline void run_verify(const diff_arguments& arguments, const tulu::diff_options& options, progress_bar& bar) {
  const bool is_file = std::filesystem::is_regular_file(arguments.out);
  const tulu::diff::manifest content =
      is_file ? tulu::convert::verify_gguf(arguments.out, options) : tulu::verify(arguments.out, options);
  bar.clear();
  std::cout << arguments.out << ": verified, " << content.files.size() << " files, tensor digest "
            << content.tensor_digest << '\n';
}

}  // namespace cli
