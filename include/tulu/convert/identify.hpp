#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tulu/convert/model_source.hpp>
#include <tulu/convert/options.hpp>
#include <tulu/core/error.hpp>
#include <tulu/diff/identity.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/prepare.hpp>
#include <tulu/version.hpp>

namespace tulu::convert {

/// The files beside the weights that an output is made from: configuration and tokenizer.
[[nodiscard]] inline std::vector<std::filesystem::path> side_files(const model_source& source) {
  if (source.gguf) return {};
  std::vector<std::filesystem::path> files;
  if (!source.is_meta) files = diff::detail::files_to_copy(source.folder);
  for (const std::string_view name : {std::string_view{diff::config_name}, checkpoint::meta_params_name})
    if (const auto path = source.folder / name; std::filesystem::exists(path)) files.push_back(path);
  if (const auto path = source.sentencepiece(); path && source.is_meta) files.push_back(*path);
  return files;
}

/// What an output in `format` is made from and how.
[[nodiscard]] inline diff::identity identify(const model_source& source, std::string_view format,
                                             const convert_options& options) {
  diff::identity what{{"tulu", std::string{version_string}},
                      {"program", "convert"},
                      {"format", std::string{format}},
                      {"dtype", options.type ? std::string{name(*options.type)} : "auto"}};
  if (format == "safetensors") what.emplace_back("max_shard_size", std::to_string(options.max_shard_bytes));
  for (const auto& file : source.tensors.files()) diff::detail::add_file(what, "from", file->file());
  for (const std::filesystem::path& path : side_files(source)) diff::detail::add_file(what, "from", io::file{path});
  return what;
}

/// Throws when the output is a file or the folder of the input.
inline void refuse_input_as_output(const model_source& source, const std::filesystem::path& out) {
  std::error_code failed;
  bool is_input = std::filesystem::equivalent(out, source.folder, failed) && !source.gguf;
  for (const auto& file : source.tensors.files())
    is_input = is_input || std::filesystem::equivalent(out, file->file().path(), failed);
  if (is_input) throw mismatch_error(out.string(), "", "an output that is no input", "the model itself");
}

}  // namespace tulu::convert
