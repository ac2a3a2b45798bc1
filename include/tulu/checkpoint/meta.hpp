#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/detail/check_sizes.hpp>
#include <tulu/checkpoint/detail/joined_parts.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/meta_names.hpp>
#include <tulu/checkpoint/meta_params.hpp>
#include <tulu/checkpoint/pytorch.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/stand_in.hpp>

namespace tulu::checkpoint {

/// Model-parallel files that are joined at most: with more, heads of k and v are in several of them.
inline constexpr std::size_t most_meta_parts = 8;

inline constexpr std::string_view meta_params_name = "params.json";

namespace detail {

/// "consolidated.03.pth".
[[nodiscard]] inline std::string meta_part_name(std::size_t number) {
  return "consolidated." + std::string(number < 10 ? "0" : "") + std::to_string(number) + ".pth";
}

/// consolidated.00.pth and the following ones. Throws when one is missing or when there are too many.
[[nodiscard]] inline std::vector<std::filesystem::path> find_meta_parts(const std::filesystem::path& folder) {
  std::set<std::string> names = list_folder(folder);
  std::erase_if(names,
                [](const std::string& name) { return !name.starts_with("consolidated.") || !name.ends_with(".pth"); });
  std::vector<std::filesystem::path> parts;
  for (std::size_t number = 0; number < names.size(); ++number) {
    const std::string name = meta_part_name(number);
    if (!names.contains(name))
      throw mismatch_error((folder / name).string(), "", "a part of the model",
                           "no such file beside " + join_some(names));
    parts.push_back(folder / name);
  }
  if (parts.size() > most_meta_parts)
    throw mismatch_error(folder.string(), "", "1 to " + std::to_string(most_meta_parts) + " model-parallel files",
                         std::to_string(parts.size()));
  return parts;
}

/// The tensors of one part that a model has, by Meta's name, in the order of the file.
[[nodiscard]] inline std::vector<stored_tensor> read_meta_part(const std::shared_ptr<const tensor_file>& source) {
  const std::string head = io::read_head(source->file());
  if (const auto found = io::describe_stand_in(head))
    throw mismatch_error(source->file().path().string(), "", "weights", *found);
  std::vector<stored_tensor> tensors = read_pytorch(source);
  std::erase_if(tensors, [](const stored_tensor& tensor) { return is_meta_rope_buffer(tensor.name()); });
  for (const stored_tensor& tensor : tensors)
    if (!parse_meta_name(tensor.name()))
      throw mismatch_error(source->file().path().string(), printable(tensor.name()), "a tensor of LLaMA", "another");
  return tensors;
}

/// The axis along which the parts of a tensor are joined: nothing for copies.
[[nodiscard]] inline std::optional<std::size_t> joining_axis(const meta_tensor& what, const stored_tensor& part,
                                                             const meta_params& params) {
  if (what.split == meta_split::copies) return std::nullopt;
  if (what.split != meta_split::embedding) return what.split == meta_split::rows ? 0 : 1;
  return part.extents().rank() == 2 && part.extents()[1] == params.dim ? 0 : 1;
}

/// The files of one checkpoint, and what they hold.
struct meta_parts {
  std::vector<std::shared_ptr<const tensor_file>> files;
  std::vector<std::vector<stored_tensor>> tensors;  ///< of each file
};

[[nodiscard]] inline meta_parts read_meta_parts(const std::filesystem::path& folder) {
  meta_parts parts;
  for (const std::filesystem::path& path : find_meta_parts(folder)) {
    parts.files.push_back(std::make_shared<const tensor_file>(path));
    parts.tensors.push_back(read_meta_part(parts.files.back()));
  }
  return parts;
}

/// The parts of each tensor in the order of the files, and the tensors in the order of the first one. Throws when a
/// file has tensors that another has not.
[[nodiscard]] inline std::vector<std::vector<stored_tensor>> group_meta_parts(const meta_parts& parts) {
  std::vector<std::vector<stored_tensor>> groups;
  std::map<std::string_view, std::size_t> places;
  for (const stored_tensor& tensor : parts.tensors.front()) {
    places.emplace(tensor.name(), groups.size());
    groups.push_back({tensor});
  }
  for (std::size_t part = 1; part < parts.tensors.size(); ++part) {
    const std::string path = parts.files[part]->file().path().string();
    for (const stored_tensor& tensor : parts.tensors[part]) {
      const auto place = places.find(tensor.name());
      if (place == places.end())
        throw mismatch_error(path, printable(tensor.name()),
                             "a tensor of " + parts.files.front()->file().path().filename().string(), "another");
      groups[place->second].push_back(tensor);
    }
    for (const auto& group : groups)
      if (group.size() != part + 1)
        throw mismatch_error(path, printable(group.front().name()), "the tensor of that name once",
                             group.size() <= part ? "none" : "two");
  }
  return groups;
}

/// One tensor of the model from its parts, under Hugging Face's name and with its rows in Hugging Face's order.
[[nodiscard]] inline stored_tensor assemble_meta_tensor(const std::vector<stored_tensor>& parts,
                                                        const meta_params& params) {
  const meta_tensor what = parse_meta_name(parts.front().name()).value();
  const auto axis = joining_axis(what, parts.front(), params);
  for (const stored_tensor& part : parts)
    if (!axis && (part.extents() != parts.front().extents() || part.type() != parts.front().type()))
      throw mismatch_error(part.file().path().string(), printable(part.name()),
                           "a copy of shape " + to_string(parts.front().extents()), to_string(part.extents()));
  const stored_tensor whole = axis ? join_parts(parts, *axis) : parts.front();
  if (what.rotary == meta_rotary::none) return whole.renamed(what.name);
  const std::size_t heads = what.rotary == meta_rotary::query ? params.n_heads : params.n_kv_heads;
  if (whole.extents()[0] != heads * params.head_dim())
    throw mismatch_error(params.file, what.rotary == meta_rotary::query ? "n_heads" : "n_kv_heads",
                         std::to_string(heads * params.head_dim()) + " rows of " + printable(whole.name()),
                         std::to_string(whole.extents()[0]));
  return reorder_rotary_rows(whole, heads, rotary_order::pairs, rotary_order::halves).renamed(what.name);
}

/// The positions that the models of these parameters were trained for, which params.json does not say: 2048 in Llama
/// 1, 4096 in Llama 2, 16384 in Code Llama, 8192 in Llama 3, 131072 from 3.1 on. Of Llama 1, the small models have
/// another norm_eps than Llama 2's; its 33B has a size of its own, and its 65B lacks the n_kv_heads of Llama 2's 70B.
[[nodiscard]] inline std::size_t meta_positions(const meta_params& params, bool is_llama3) {
  if (params.use_scaled_rope) return 131072;
  if (is_llama3) return 8192;
  if (params.rope_theta > 10000) return 16384;
  const bool is_llama1 = params.norm_eps < 5e-6 || params.dim == 6656 || (params.dim == 8192 && !params.has_kv_heads);
  return is_llama1 ? 2048 : 4096;
}

/// The stretched angles of Llama 3.1 (by 8) and of the small models of 3.2 (by 32): constants of Meta's code, which
/// only its later params.json files give.
[[nodiscard]] inline rope_scaling meta_scaling(const meta_params& params) {
  if (!params.use_scaled_rope) return {};
  constexpr std::size_t largest_of_3_2 = 3072;
  return {.type = rope_scaling_type::llama3,
          .factor = params.rope_scaling_factor.value_or(params.dim <= largest_of_3_2 ? 32 : 8),
          .low_freq_factor = 1,
          .high_freq_factor = 4,
          .original_max_position_embeddings = 8192};
}

/// Makes the errors of check_sizes.
struct meta_size_errors {
  std::string_view file;
  [[nodiscard]] error mismatch(std::string_view key, std::string_view expected, std::string_view found) const {
    return mismatch_error(file, key, expected, found);
  }
};

/// The rows of `name`, a matrix of the model.
[[nodiscard]] inline std::size_t rows_of(const catalogue& model, std::string_view name) {
  const stored_tensor* const tensor = model.find(name);
  const std::string found = tensor == nullptr ? "none" : to_string(tensor->extents());
  if (tensor == nullptr || tensor->extents().rank() != 2 || tensor->extents()[0] == 0 ||
      tensor->extents()[0] > largest_extent)
    throw mismatch_error(model.path().string(), name, "a matrix", found);
  return tensor->extents()[0];
}

}  // namespace detail

/// True for a folder of Meta's layout (consolidated.00.pth and params.json) without weights of Hugging Face's.
[[nodiscard]] inline bool is_meta_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) return false;
  const std::set<std::string> names = detail::list_folder(folder);
  return names.contains(detail::meta_part_name(0)) && names.contains(std::string{meta_params_name}) &&
         detail::with_suffix(names, ".safetensors").empty() && detail::with_suffix(names, ".bin").empty();
}

/// The tensors of a checkpoint in Meta's layout, under Hugging Face's names and with their rows in Hugging Face's
/// order: what transformers' convert_llama_weights_to_hf.py writes. 1 to 8 model-parallel files are joined as they are
/// read; of norms, which every file has, the first file's are taken. Throws when files or tensors do not fit together.
[[nodiscard]] inline catalogue open_meta(const std::filesystem::path& folder) {
  const meta_params params = load_meta_params(folder / meta_params_name);
  const detail::meta_parts parts = detail::read_meta_parts(folder);
  std::vector<stored_tensor> tensors;
  for (const auto& group : detail::group_meta_parts(parts))
    tensors.push_back(detail::assemble_meta_tensor(group, params));
  return {folder, std::move(tensors), {}, parts.files};
}

/// The configuration of a checkpoint in Meta's layout. What params.json leaves open is told by the tensors (the sizes
/// of the vocabulary and of the feed-forward layers) and by what is known of the released models (positions, scaling,
/// stop tokens). Throws when params.json and the tensors differ.
[[nodiscard]] inline llama_config load_meta_config(const std::filesystem::path& folder) {
  const meta_params params = load_meta_params(folder / meta_params_name);
  const catalogue model = open_meta(folder);
  llama_config config;
  config.file = params.file;
  config.vocab_size = detail::rows_of(model, embed_name);
  if (params.vocab_size && *params.vocab_size != config.vocab_size)
    throw mismatch_error(params.file, "vocab_size",
                         std::to_string(config.vocab_size) + ", the rows of tok_embeddings.weight",
                         std::to_string(*params.vocab_size));
  config.intermediate_size = detail::rows_of(model, "model.layers.0.mlp.gate_proj.weight");
  if (config.intermediate_size != params.feed_forward_size())
    throw mismatch_error(params.file, "multiple_of and ffn_dim_multiplier",
                         "feed-forward layers of " + std::to_string(config.intermediate_size) + " as w1 has",
                         std::to_string(params.feed_forward_size()));
  config.hidden_size = params.dim;
  config.num_hidden_layers = params.n_layers;
  config.num_attention_heads = params.n_heads;
  config.num_key_value_heads = params.n_kv_heads;
  config.head_dim = params.head_dim();
  detail::check_sizes(detail::meta_size_errors{params.file}, config);
  config.rms_norm_eps = params.norm_eps;
  config.rope_theta = params.rope_theta;
  config.scaling = detail::meta_scaling(params);
  config.tie_word_embeddings = model.find(head_name) == nullptr;
  constexpr std::size_t first_of_llama3 = 128000;
  const bool is_llama3 = config.vocab_size > first_of_llama3;
  config.max_position_embeddings = detail::meta_positions(params, is_llama3);
  config.bos_token_id = is_llama3 ? 128000U : 1U;
  config.eos_token_ids = is_llama3 ? std::vector<std::uint32_t>{128001, 128008, 128009} : std::vector<std::uint32_t>{2};
  return config;
}

}  // namespace tulu::checkpoint
