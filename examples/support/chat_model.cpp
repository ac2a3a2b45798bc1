#include "chat_model.hpp"

#include <cstddef>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <utility>

#include "loading.hpp"
#include "progress_bar.hpp"
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/generation/choose_template.hpp>
#include <tulu/generation/context_policy.hpp>
#include <tulu/model/memory_estimate.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/model/workspace.hpp>
#include <tulu/tensor/bytes_by_type.hpp>

namespace cli {

namespace {

/// The format of that name; for auto the model's own.
tulu::template_choice find_format(const std::string& name, const std::filesystem::path& model) {
  if (name == "auto") return tulu::choose_template(model);
  return {tulu::chat::template_by_name(name).value(), "as asked"};
}

/// The tokenizer of a model in the mode that `format` was trained with.
tulu::tokenizer load_chat_tokenizer(const std::filesystem::path& model, const tulu::chat::any_template& format) {
  const bool whole = tulu::checkpoint::is_gguf(model);
  const std::filesystem::path source = whole ? model : tulu::checkpoint::folder_of(model);
  return load_tokenizer(source, tulu::choose_tokenizer_mode(format, source));
}

/// 1350000000 → "1.35 billion parameters".
std::string describe_parameters(const tulu::checkpoint::catalogue& model) {
  double count = 0;
  for (const auto& tensor : model.tensors()) count += static_cast<double>(tensor.size());
  char text[64];
  if (count >= 1e9) {
    std::snprintf(text, sizeof text, "%.2f billion parameters", count / 1e9);
  } else {
    std::snprintf(text, sizeof text, "%.2f million parameters", count / 1e6);
  }
  return text;
}

/// The type that most bytes of the matrices have in memory.
std::string_view describe_weights(const tulu::checkpoint::catalogue& model, const tulu::llama_config& config,
                                  const tulu::load_options& options) {
  tulu::bytes_by_type bytes;
  for (const auto& tensor : model.tensors()) {
    const tulu::dtype type = tulu::weight_type_of(config, tensor, options.weights).type;
    if (tensor.extents().rank() >= 2) bytes.add(type, tulu::bytes_of(type, tensor.size()));
  }
  return name(bytes.most());
}

/// The memory that a model will take with one conversation.
std::string describe_memory(const tulu::checkpoint::catalogue& model, const tulu::llama_config& config,
                            const tulu::load_options& options, const tulu::context_options& context) {
  const std::size_t tokens = context.capacity != 0 ? context.capacity : config.max_position_embeddings;
  const tulu::workspace_size pass = tulu::llama_model::size_of_workspace(
      config.vocab_size, *options.kernels, options.model, options.model.workers->threads());
  const tulu::memory_estimate needed =
      tulu::estimate_memory(model, config, options.weights, options.layout, tokens, context.cache_type,
                            tulu::workspace::bytes_for(config, pass));
  const auto bytes = [](std::size_t count) { return human_bytes(static_cast<double>(count)); };
  std::string text = "memory " + bytes(needed.in_memory()) + " (cache " + bytes(needed.kv_cache) + ")";
  return needed.weights_mapped == 0 ? text : text + " and " + bytes(needed.weights_mapped) + " of mapped weights";
}

}  // namespace

tulu::tokenizer load_own_tokenizer(const std::filesystem::path& model) {
  return load_chat_tokenizer(model, tulu::choose_template(model).format);
}

chat_model load_chat_model(const model_arguments& given, const common_options& common, const std::string& format_name,
                           const tulu::context_options& context, std::stop_token stop) {
  const tulu::llama_config config = load_llama_config(given.model);
  const tulu::checkpoint::catalogue weights = open_checkpoint(given.model);
  if (!given.allow_diff) tulu::checkpoint::refuse_diff(weights);
  const tulu::template_choice format = find_format(format_name, given.model);
  tulu::tokenizer tokens = load_chat_tokenizer(given.model, format.format);
  progress_bar bar{!common.quiet};
  const tulu::load_options options = to_load_options(given, common, std::move(stop), bar);
  if (!common.quiet) {
    print_warnings(tokens.warnings());
    std::cerr << describe_parameters(weights) << ", " << describe_weights(weights, config, options)
              << " weights, backend " << options.kernels->backend << ", threads " << options.model.workers->threads()
              << ", format " << format.format.name() << " (" << tulu::printable(format.reason) << "), "
              << describe_memory(weights, config, options, context) << std::endl;
  }
  if (context.capacity > config.longest_sequence())
    std::cerr << "warning: --context is " << context.capacity << ", but the model was made for "
              << config.longest_sequence() << " tokens\n";
  auto model = load_model(weights, config, options);
  bar.clear();
  print_warnings(model->weights().warnings);
  return {std::move(model), std::move(tokens), format.format};
}

}  // namespace cli
