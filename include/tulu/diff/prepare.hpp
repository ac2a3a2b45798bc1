#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/diff/execute.hpp>
#include <tulu/diff/match.hpp>
#include <tulu/diff/model_config.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/output_folder.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/precision.hpp>
#include <tulu/diff/shards.hpp>
#include <tulu/io/stand_in.hpp>
#include <tulu/tensor/bytes_by_type.hpp>
#include <tulu/version.hpp>

namespace tulu::diff {

namespace detail {

/// tokenizer*, chat_template*, and the named ones, in order of their names.
[[nodiscard]] inline std::vector<std::filesystem::path> files_to_copy(const std::filesystem::path& folder) {
  constexpr std::array<std::string_view, 3> exact{"generation_config.json", "special_tokens_map.json",
                                                  "added_tokens.json"};
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const std::string name = entry.path().filename().string();
    const bool wanted = name.starts_with("tokenizer") || name.starts_with("chat_template") ||
                        std::find(exact.begin(), exact.end(), name) != exact.end();
    if (!wanted || !entry.is_regular_file()) continue;
    const auto stand_in = io::describe_stand_in(io::read_head(io::file{entry.path()}));
    if (stand_in && entry.file_size() != 0)
      throw mismatch_error(entry.path().string(), "", "the file itself", *stand_in);
    found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline void add_file(identity& what, std::string_view side, const io::file& file) {
  const std::string name = std::string{side} + "/" + file.path().filename().string();
  (void)io::quote_json(name);  // throws for a name that the manifest cannot hold
  what.emplace_back(name, std::to_string(file.size()) + " bytes, modified " + std::to_string(file.modified_ns()));
}

[[nodiscard]] inline identity identify(const plan& work, const checkpoint::catalogue& base,
                                       const checkpoint::catalogue& source, const diff_options& options) {
  const bool adds = work.operation == operation::add;
  const std::string_view side = adds ? "diff" : "tuned";
  identity what{{"tulu", std::string{version_string}},
                {"program", adds ? "recover" : "make_diff"},
                {"scheme", std::string{name(options.scheme)}},
                {"dtype", options.type ? std::string{name(*options.type)} : "auto"},
                {"max_shard_size", std::to_string(options.max_shard_bytes)}};
  for (const auto& file : base.files()) add_file(what, "base", file->file());
  if (const auto path = folder_of(base.path()) / config_name; std::filesystem::exists(path))
    add_file(what, "base", io::file{path});
  for (const auto& file : source.files()) add_file(what, side, file->file());
  add_file(what, side, io::file{folder_of(source.path()) / config_name});
  for (const std::filesystem::path& copy : work.copies) add_file(what, side, io::file{copy});
  return what;
}

/// The floating-point type that most bytes of the output have.
[[nodiscard]] inline dtype main_type(const plan& work) {
  bytes_by_type bytes;
  for (const planned_tensor& tensor : work.tensors)
    if (is_summable(tensor.type)) bytes.add(tensor.type, tensor.bytes());
  return bytes.most();
}

inline void check_vocabulary_size(const model_config& config, const vocabulary_tensors& vocabulary) {
  const auto expected = config.number("vocab_size");
  if (!expected || vocabulary.embed == nullptr || vocabulary.embed->extents().rank() != 2) return;
  const std::size_t rows = vocabulary.embed->extents()[0];
  if (rows != *expected)
    throw mismatch_error(config.file(), "vocab_size", std::to_string(rows) + ", the rows of " + std::string{embed_name},
                         std::to_string(*expected));
}

inline void refuse_output_among_inputs(const std::filesystem::path& out, const checkpoint::catalogue& input) {
  std::error_code failed;
  if (std::filesystem::equivalent(out, folder_of(input.path()), failed))
    throw mismatch_error(out.string(), "", "an output folder that is no input", "the input " + input.path().string());
}

inline void warn_of_base(plan& work, const checkpoint::catalogue& base, const diff_options& options) {
  if (is_rounded_to_bf16(base, *options.kernels))
    work.warnings.push_back(
        base.path().string() +
        ": stored as float16, but every sampled value fits bfloat16: this base was converted through bfloat16, which "
        "rounds LLaMA's original float16 weights, and the result carries that rounding. Convert the original weights "
        "again in float16.");
}

}  // namespace detail

/// Makes the plan of recover (operation::add, `source` is the diff) or make_diff (operation::subtract, `source` is the
/// tuned model), with every check that can be made before a byte is written. Reads headers and samples only.
///
/// Neither the output folder nor the free space is looked at: see examine_output and check_free_space.
[[nodiscard]] inline plan prepare(operation op, const checkpoint::catalogue& base, const checkpoint::catalogue& source,
                                  const std::filesystem::path& out, const diff_options& options) {
  detail::refuse_output_among_inputs(out, base);
  detail::refuse_output_among_inputs(out, source);
  const model_config config{folder_of(source.path()) / config_name};
  std::optional<model_config> base_config;
  if (const auto path = folder_of(base.path()) / config_name; std::filesystem::exists(path)) base_config.emplace(path);
  if (base_config) check_same_size(*base_config, config);
  const matched_sides sides{base, source,
                            find_vocabulary(base, base_config ? base_config->tie_word_embeddings() : std::nullopt),
                            find_vocabulary(source, config.tie_word_embeddings())};
  detail::check_vocabulary_size(config, sides.source_vocabulary);

  plan work{op, out, {}, {}, detail::files_to_copy(folder_of(source.path())), {}, {}, {}, {}, {}};
  const auto marker = source.metadata().find(checkpoint::diff_marker_key);
  const bool marked = marker != source.metadata().end() && marker->second == checkpoint::diff_marker_value;
  const bool twice = op == operation::add && sides.source_vocabulary.tied && !marked;
  work.tensors = match_tensors(sides, options.type, twice);
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (op == operation::subtract) metadata[checkpoint::diff_marker_key] = checkpoint::diff_marker_value;
  plan_shards(work, options.max_shard_bytes, metadata);
  work.config = config.mended(detail::main_type(work), sides.source_vocabulary.tied);
  work.identity = detail::identify(work, base, source, options);
  if (twice)
    work.warnings.push_back(source.path().string() +
                            ": the embeddings are tied and the diff has no tulu_diff marker: weight_diff.py, which "
                            "wrote it, subtracts the base twice from the shared tensor, so it is added twice.");
  detail::warn_of_base(work, base, options);
  return work;
}

/// The bytes of disk that a run of `work` still needs, from what its output folder holds. A partial shard is written
/// again into the room that it has.
[[nodiscard]] inline std::size_t missing_bytes(const plan& work, const output_state& before) {
  if (before.is_this_complete) return 0;
  std::size_t sum = std::size_t{1} << 20;  // index, config and manifest
  for (const std::filesystem::path& copy : work.copies) sum += std::filesystem::file_size(copy);
  for (const auto& [name, content] : work.texts) sum += content.size();
  for (const planned_shard& shard : work.shards) {
    if (before.is_this_unfinished && before.unfinished->records.contains(shard.name)) continue;
    const std::size_t reserved = allocated_bytes(io::partial_path(work.folder / shard.name));
    sum += shard.bytes - std::min(shard.bytes, reserved);
  }
  return sum;
}

/// prepare, check the output folder and the free space, warn, execute.
[[nodiscard]] inline diff_result run(operation op, const checkpoint::catalogue& base,
                                     const checkpoint::catalogue& source, const std::filesystem::path& out,
                                     const diff_options& options) {
  return io::with_path_errors([&] {
    const plan work = prepare(op, base, source, out, options);
    const output_state before = examine_output(work, options.force);
    check_free_space(out, missing_bytes(work, before));
    if (options.on_warning)
      for (const std::string& warning : work.warnings) options.on_warning(warning);
    return execute(work, before, options);
  });
}

}  // namespace tulu::diff
