#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_llama_keys.hpp>
#include <tulu/checkpoint/gguf_names.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>
#include <tulu/convert/converted_tensor.hpp>
#include <tulu/convert/gguf_output.hpp>
#include <tulu/convert/gguf_tokenizer_keys.hpp>
#include <tulu/convert/identify.hpp>
#include <tulu/convert/memory_tensor.hpp>
#include <tulu/convert/model_source.hpp>
#include <tulu/convert/options.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/tensor/bytes_by_type.hpp>

namespace tulu {

namespace convert::detail {

/// `tensor` under GGUF's name and with its rows in GGUF's order.
[[nodiscard]] inline checkpoint::stored_tensor to_gguf(const checkpoint::stored_tensor& tensor,
                                                       const llama_config& config) {
  const auto name = checkpoint::name_to_gguf(tensor.name());
  if (!name)
    throw mismatch_error(tensor.file().path().string(), printable(tensor.name()), "a tensor of LLaMA",
                         "one that GGUF has no name for");
  if (!checkpoint::has_rotary_rows(tensor.name())) return tensor.renamed(*name);
  const bool is_key = tensor.name().find("k_proj") != std::string::npos;
  const std::size_t heads = is_key ? config.num_key_value_heads : config.num_attention_heads;
  using checkpoint::rotary_order;
  return checkpoint::reorder_rotary_rows(tensor, heads, rotary_order::halves, rotary_order::pairs).renamed(*name);
}

/// The type that most bytes of the matrices have.
[[nodiscard]] inline dtype most_common_type(const std::vector<checkpoint::stored_tensor>& tensors) {
  bytes_by_type bytes;
  for (const auto& tensor : tensors)
    if (tensor.extents().rank() == 2) bytes.add(tensor.type(), tensor.bytes());
  return bytes.most();
}

/// The metadata of the output. Those of a GGUF source are kept, as llama-quantize keeps them, but for what the output
/// changes.
[[nodiscard]] inline std::vector<checkpoint::gguf_entry> gguf_metadata_of(const model_source& source, dtype type) {
  std::vector<checkpoint::gguf_entry> keys = checkpoint::gguf_llama_keys(source.config, source.name, type);
  if (!source.gguf) {
    for (auto& key : gguf_tokenizer_keys(source)) keys.push_back(std::move(key));
    return keys;
  }
  const auto changes = [](const std::string& key) {
    return key == "general.file_type" || key == "general.quantization_version";
  };
  std::erase_if(keys, [&](const checkpoint::gguf_entry& entry) { return !changes(entry.key); });
  std::vector<checkpoint::gguf_entry> kept;
  for (const checkpoint::gguf_entry& entry : source.gguf->entries())
    if (!changes(entry.key) && !entry.key.starts_with("split.")) kept.push_back(entry);
  kept.insert(kept.end(), keys.begin(), keys.end());
  return kept;
}

/// The type of a tensor in GGUF: vectors are F32, matrices what is asked for (see choose_quantised_type), else as they
/// are stored.
[[nodiscard]] inline quantised_type gguf_type_for(const checkpoint::stored_tensor& tensor, std::optional<dtype> type,
                                                  const llama_config& config) {
  if (tensor.extents().rank() < 2) return {};
  return type ? choose_quantised_type(*type, tensor.name(), tensor.extents(), config)
              : quantised_type{tensor.type(), false};
}

/// The tensors of a GGUF file from those of a model: named, ordered, converted. `fallbacks` counts the matrices whose
/// rows do not fit the type that is asked for.
[[nodiscard]] inline std::vector<checkpoint::stored_tensor> gguf_tensors(
    const std::vector<checkpoint::stored_tensor>& tensors, const llama_config& config, const convert_options& options,
    fallback_count& fallbacks) {
  std::vector<checkpoint::stored_tensor> out;
  if (auto factors = checkpoint::gguf_rope_factors(config); !factors.empty())
    out.push_back(
        memory_tensor(std::string{checkpoint::rope_factors_name}, std::move(factors), tensors.front().source()));
  for (const checkpoint::stored_tensor& tensor : tensors) {
    const quantised_type choice = gguf_type_for(tensor, options.type, config);
    fallbacks.add(choice, tensor.extents());
    // The rows come into their order before they are converted: a block is a part of one row.
    out.push_back(converted(to_gguf(tensor, config), choice.type, *options.kernels));
  }
  return out;
}

}  // namespace convert::detail

namespace convert {

/// Everything that is decided before the first byte of a GGUF file is written, but for its identity.
[[nodiscard]] inline gguf_job prepare_gguf(const model_source& source, const std::filesystem::path& to,
                                           const convert_options& options) {
  refuse_input_as_output(source, to);
  if (!to.has_filename()) throw mismatch_error(to.string(), "", "the name of a file", "that of a folder");
  fallback_count fallbacks;
  gguf_job job{to, detail::gguf_tensors(model_tensors(source), source.config, options, fallbacks), {}, {}};
  const dtype type = options.type.value_or(detail::most_common_type(job.tensors));
  job.metadata = detail::gguf_metadata_of(source, type);
  if (const auto line = tulu::detail::describe_ignored(source.tensors, source.config)) job.warnings.push_back(*line);
  if (const auto line = fallbacks.line()) job.warnings.push_back(*line);
  return job;
}

}  // namespace convert

/// Writes the model at `from` (Hugging Face's or Meta's layout, or GGUF) as the GGUF file `to`, with its vocabulary,
/// in the order of its tensors. Memory does not grow with the model.
///
/// Throws before anything is written when `from` is no whole LLaMA model or has no tokenizer that GGUF can hold. An
/// output of the same inputs and options that is complete is left as it is; one of others is replaced with `force`
/// only, and a file of somebody else never.
inline convert_result convert_to_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                                      const convert_options& options = {}) {
  return io::with_path_errors([&] {
    const convert::model_source source = convert::open_model_source(from);
    convert::gguf_job job = convert::prepare_gguf(source, to, options);
    job.identity = convert::identify(source, "gguf", options);
    if (!source.gguf) job.identity.emplace_back("name", source.name);  // else the file's own
    return convert::write_gguf(job, options);
  });
}

}  // namespace tulu
