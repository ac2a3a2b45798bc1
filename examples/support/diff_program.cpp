#include "diff_program.hpp"

#include <cstddef>
#include <filesystem>
#include <iostream>

#include <tulu/convert/gguf_output.hpp>
#include <tulu/diff/execute.hpp>
#include <tulu/diff/verify.hpp>

namespace cli {

namespace {

/// The types of the output: "F32", or "F32 (290 tensors), I64 (1 tensor)".
[[nodiscard]] std::string describe_types(const tulu::diff::plan& plan) {
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

}  // namespace

void print_plan(const tulu::diff::plan& plan, const tulu::diff_options& options) {
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

void print_result(const tulu::diff_result& result, const std::string& out, double seconds, bool quiet) {
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

void run_verify(const diff_arguments& arguments, const tulu::diff_options& options, progress_bar& bar) {
  const bool is_file = std::filesystem::is_regular_file(arguments.out);
  const tulu::diff::manifest content =
      is_file ? tulu::convert::verify_gguf(arguments.out, options) : tulu::verify(arguments.out, options);
  bar.clear();
  std::cout << arguments.out << ": verified, " << content.files.size() << " files, tensor digest "
            << content.tensor_digest << '\n';
}

}  // namespace cli
