#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tulu/convert/config_files.hpp>
#include <tulu/convert/converted_tensor.hpp>
#include <tulu/convert/gguf_tokenizer_files.hpp>
#include <tulu/convert/identify.hpp>
#include <tulu/convert/model_source.hpp>
#include <tulu/convert/options.hpp>
#include <tulu/core/error.hpp>
#include <tulu/diff/execute.hpp>
#include <tulu/diff/model_config.hpp>
#include <tulu/diff/output_folder.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/prepare.hpp>
#include <tulu/diff/shards.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/tiktoken.hpp>

namespace tulu {

namespace convert {

/// A folder to be written: the plan points into the tensors.
struct folder_job {
  std::vector<checkpoint::stored_tensor> tensors;
  diff::plan plan;
};

namespace detail {

/// The type of a tensor in safetensors: what is asked for, else as it is stored; of blocks, which safetensors has not,
/// F16. Integers are carried through.
[[nodiscard]] inline dtype safetensors_type_for(const checkpoint::stored_tensor& tensor, std::optional<dtype> type) {
  if (!is_weight_type(tensor.type())) return tensor.type();
  return type.value_or(is_block_type(tensor.type()) ? dtype::f16 : tensor.type());
}

/// tokenizer_config.json for a tokenizer.model of Meta's, as transformers' converter writes it.
[[nodiscard]] inline std::string meta_tokenizer_config(const sentencepiece_model& model) {
  io::json out;
  out["add_bos_token"] = true;
  out["add_eos_token"] = false;
  if (model.bos_id) out["bos_token"] = std::string{model.pieces.text(*model.bos_id)};
  out["clean_up_tokenization_spaces"] = false;
  if (model.eos_id) out["eos_token"] = std::string{model.pieces.text(*model.eos_id)};
  out["legacy"] = true;
  out["tokenizer_class"] = "LlamaTokenizer";
  out["unk_token"] = std::string{model.pieces.text(model.unk_id)};
  return out.dump(2) + "\n";
}

/// The tokenizer of a model in Meta's layout: copied, or, when it is tiktoken's, left out with a warning.
inline void plan_meta_tokenizer(const model_source& source, diff::plan& work) {
  const auto path = source.sentencepiece();
  if (!path || looks_like_tiktoken(io::read_head(io::file{*path}))) {
    work.warnings.push_back(source.folder.string() +
                            (path ? ": its tokenizer.model is tiktoken's" : ": no tokenizer.model") +
                            ": the output has no tokenizer");
    return;
  }
  work.copies.push_back(*path);
  work.texts.emplace_back("tokenizer_config.json", meta_tokenizer_config(load_sentencepiece_model(*path)));
}

/// config.json, generation_config.json and the tokenizer.
inline void plan_side_files(const model_source& source, diff::plan& work) {
  const dtype type = diff::detail::main_type(work);
  if (!source.gguf && !source.is_meta) {
    const diff::model_config config{source.folder / diff::config_name};
    work.config = config.mended(type, source.config.tie_word_embeddings);
    work.copies = diff::detail::files_to_copy(source.folder);
    return;
  }
  work.config = format_config(source.config, type);
  work.texts.emplace_back("generation_config.json", format_generation_config(source.config));
  if (source.is_meta) return plan_meta_tokenizer(source, work);
  constexpr std::string_view tokens = "tokenizer.ggml.tokens";
  const std::size_t count = source.gguf->required<std::vector<std::string_view>>(tokens).size();
  if (count > source.config.vocab_size)
    throw source.gguf->mismatch(tokens,
                                "at most " + std::to_string(source.config.vocab_size) + ", the rows of the embedding",
                                std::to_string(count) + " tokens");
  for (auto& file : gguf_tokenizer_files(*source.gguf)) work.texts.push_back(std::move(file));
}

}  // namespace detail

/// Everything that is decided before the first byte of a folder is written.
[[nodiscard]] inline folder_job prepare_folder(const model_source& source, const std::filesystem::path& to,
                                               const convert_options& options) {
  refuse_input_as_output(source, to);
  folder_job job{{}, {diff::operation::add, to, {}, {}, {}, {}, {}, {}, {}, {}}};
  for (const checkpoint::stored_tensor& tensor : model_tensors(source))
    job.tensors.push_back(converted(tensor, detail::safetensors_type_for(tensor, options.type), *options.kernels));
  for (const checkpoint::stored_tensor& tensor : job.tensors)
    job.plan.tensors.push_back({tensor.name(), tensor.type(), tensor.extents(), &tensor, {}});
  if (const auto line = tulu::detail::describe_ignored(source.tensors, source.config))
    job.plan.warnings.push_back(*line);
  diff::plan_shards(job.plan, options.max_shard_bytes, {{"format", "pt"}});
  detail::plan_side_files(source, job.plan);
  job.plan.identity = identify(source, "safetensors", options);
  return job;
}

}  // namespace convert

/// Writes the model at `from` (Hugging Face's or Meta's layout, or GGUF) as the folder `to` of Hugging Face's layout:
/// safetensors shards and their index, config.json, generation_config.json and the tokenizer. Memory does not grow with
/// the model. The rules of recover's output hold: a run that was cut off is continued by the same call, the output of
/// the same inputs and options that is complete is left as it is, and files of somebody else are never touched.
///
/// Throws before anything is written when `from` is no whole LLaMA model.
inline convert_result convert_to_folder(const std::filesystem::path& from, const std::filesystem::path& to,
                                        const convert_options& options = {}) {
  return io::with_path_errors([&] {
    const convert::model_source source = convert::open_model_source(from);
    const convert::folder_job job = convert::prepare_folder(source, to, options);
    const diff::output_state before = diff::examine_output(job.plan, options.force);
    diff::check_free_space(to, diff::missing_bytes(job.plan, before));
    if (options.on_warning)
      for (const std::string& warning : job.plan.warnings) options.on_warning(warning);
    return diff::execute(job.plan, before, options);
  });
}

}  // namespace tulu
