#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/check_sizes.hpp>
#include <tulu/checkpoint/detail/config_reader.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/gguf_config.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/checkpoint/meta.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/json.hpp>

namespace tulu {

namespace checkpoint::detail {

/// The token ids of `key`: a number or an array of them; negative ones, which no token has, are left out.
[[nodiscard]] inline std::vector<std::uint32_t> read_token_ids(const config_reader& config, std::string_view key,
                                                               std::vector<std::uint32_t> absent) {
  if (!config.contains(key)) return absent;
  const io::json* const found = config.find(key);
  if (found == nullptr) return {};
  const io::json one = io::json::array({*found});
  std::vector<std::uint32_t> ids;
  for (const io::json& item : found->is_array() ? *found : one) {
    const auto id = io::json_as<std::int64_t>(item);
    if (!id || *id > std::numeric_limits<std::uint32_t>::max())
      throw config.mismatch(key, "a token id or an array of them", io::describe(item));
    if (*id >= 0) ids.push_back(static_cast<std::uint32_t>(*id));
  }
  return ids;
}

/// Throws unless the two keys that say whose architecture it is, as far as they are there, say LLaMA.
inline void check_architecture(const config_reader& config) {
  const auto type = config.text("model_type");
  if (type && *type != "llama") throw config.mismatch("model_type", "llama", printable(*type));
  const io::json* const found = config.find("architectures");
  const auto names = found == nullptr ? std::vector<std::string>{} : io::json_as<std::vector<std::string>>(*found);
  if (!names) throw config.mismatch("architectures", "an array of names", io::describe(*found));
  for (const std::string& name : *names)
    if (name != "LlamaForCausalLM" && name != "LLaMAForCausalLM")
      throw config.mismatch("architectures", "LlamaForCausalLM", printable(name));
  if (!type && names->empty()) throw config.mismatch("model_type", "llama", "no such key");
}

/// Throws for settings that would change the results and are not supported.
inline void check_settings(const config_reader& config) {
  if (const auto act = config.text("hidden_act"); act && *act != "silu" && *act != "swish")
    throw config.mismatch("hidden_act", "silu", printable(*act));
  constexpr std::array<std::string_view, 2> keys{"quantization_config", "sliding_window"};
  for (const std::string_view key : keys)
    if (const io::json* const found = config.find(key))
      throw config.mismatch(key, "none: it is not supported", io::describe(*found));
  if (const auto part = config.number("partial_rotary_factor"); part && *part != 1)
    throw config.mismatch("partial_rotary_factor", "1: others are not supported",
                          io::describe(*config.find("partial_rotary_factor")));
}

/// The type of a `rope_scaling` or `rope_parameters` object, which has two spellings.
[[nodiscard]] inline rope_scaling_type read_scaling_type(const config_reader& rope) {
  const auto old_name = rope.text("type");
  const auto name = rope.text("rope_type");
  if (old_name && name && *old_name != *name) throw rope.mismatch("rope_type", printable(*old_name), printable(*name));
  const std::string type = name ? *name : old_name.value_or("default");
  if (type == "default") return rope_scaling_type::none;
  if (type == "linear") return rope_scaling_type::linear;
  if (type == "dynamic") return rope_scaling_type::dynamic;
  if (type == "llama3") return rope_scaling_type::llama3;
  throw rope.mismatch(name ? "rope_type" : "type", "linear, dynamic, llama3 or default", printable(type));
}

[[nodiscard]] inline rope_scaling read_scaling(const config_reader& rope, const llama_config& config) {
  rope_scaling scaling;
  scaling.type = read_scaling_type(rope);
  if (scaling.type == rope_scaling_type::none) return scaling;
  scaling.factor = rope.required_number("factor", 1);
  if (scaling.type == rope_scaling_type::dynamic) {
    const std::size_t original = rope.extent("original_max_position_embeddings", config.max_position_embeddings);
    if (original != config.max_position_embeddings)
      throw rope.mismatch("original_max_position_embeddings",
                          "max_position_embeddings, " + std::to_string(config.max_position_embeddings),
                          std::to_string(original));
  }
  if (scaling.type != rope_scaling_type::llama3) return scaling;
  scaling.low_freq_factor = rope.required_number("low_freq_factor");
  scaling.high_freq_factor = rope.required_number("high_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor)
    throw rope.mismatch("high_freq_factor", "more than low_freq_factor, " + std::to_string(scaling.low_freq_factor),
                        std::to_string(scaling.high_freq_factor));
  scaling.original_max_position_embeddings = rope.extent("original_max_position_embeddings", 0);
  if (scaling.original_max_position_embeddings == 0)
    throw rope.mismatch("original_max_position_embeddings", "a positive integer", "none");
  return scaling;
}

inline void read_rope(const config_reader& keys, llama_config& config) {
  config.rope_theta = keys.number("rope_theta").value_or(config.rope_theta);
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    const io::json* const found = keys.find(key);
    if (found == nullptr) continue;
    const config_reader rope{*found, config.file, key};
    config.rope_theta = rope.number("rope_theta").value_or(config.rope_theta);
    if (const auto part = rope.number("partial_rotary_factor"); part && *part != 1)
      throw rope.mismatch("partial_rotary_factor", "1: others are not supported", std::to_string(*part));
    config.scaling = read_scaling(rope, config);
  }
}

inline void read_sizes(const config_reader& keys, llama_config& config) {
  config.vocab_size = keys.extent("vocab_size", config.vocab_size);
  config.hidden_size = keys.extent("hidden_size", config.hidden_size);
  config.intermediate_size = keys.extent("intermediate_size", config.intermediate_size);
  config.num_hidden_layers = keys.extent("num_hidden_layers", config.num_hidden_layers);
  config.num_attention_heads = keys.extent("num_attention_heads", config.num_attention_heads);
  config.num_key_value_heads = keys.extent("num_key_value_heads", config.num_attention_heads);
  config.max_position_embeddings = keys.extent("max_position_embeddings", config.max_position_embeddings);
  if (keys.find("head_dim") == nullptr && config.hidden_size % config.num_attention_heads != 0)
    throw keys.mismatch("hidden_size",
                        "a multiple of num_attention_heads, " + std::to_string(config.num_attention_heads),
                        std::to_string(config.hidden_size));
  config.head_dim = keys.extent("head_dim", config.hidden_size / config.num_attention_heads);
  check_sizes(keys, config);
}

/// The ids that end an answer: those of config.json (2 when it says nothing, as in LlamaConfig) and those of the
/// generation_config.json beside it.
[[nodiscard]] inline std::vector<std::uint32_t> read_eos_ids(const config_reader& keys,
                                                             const std::filesystem::path& folder) {
  auto ids = read_token_ids(keys, "eos_token_id", {2});
  const std::filesystem::path path = folder / "generation_config.json";
  if (!std::filesystem::exists(path)) return ids;
  const std::string file = path.string();
  const io::json object(io::load_json(path));
  for (const std::uint32_t id : read_token_ids(config_reader{object, file}, "eos_token_id", {}))
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  return ids;
}

[[nodiscard]] inline llama_config read_llama_config(const std::filesystem::path& folder, const io::json& object) {
  llama_config config;
  config.file = (folder / "config.json").string();
  const config_reader keys{object, config.file};
  check_architecture(keys);
  check_settings(keys);
  read_sizes(keys, config);
  read_rope(keys, config);
  config.rms_norm_eps = keys.number("rms_norm_eps").value_or(config.rms_norm_eps);
  config.attention_bias = keys.flag("attention_bias", false);
  config.mlp_bias = keys.flag("mlp_bias", false);
  config.tie_word_embeddings = keys.flag("tie_word_embeddings", false);
  const auto bos = read_token_ids(keys, "bos_token_id", {1});
  if (!bos.empty()) config.bos_token_id = bos.front();
  config.eos_token_ids = read_eos_ids(keys, folder);
  return config;
}

}  // namespace checkpoint::detail

/// The config.json of a LLaMA model (a folder, or a weight file with it beside), with the defaults and the checks of
/// transformers' LlamaConfig (4.30 to 4.44; `rope_parameters` as in 5). The stop tokens of generation_config.json are
/// added where it is there. Of a GGUF file it is what its metadata say, of a folder of Meta's layout its params.json
/// (see load_meta_config). Throws for another architecture, for a setting that is not supported and for numbers that
/// no model has.
[[nodiscard]] inline llama_config load_llama_config(const std::filesystem::path& model) {
  return io::with_path_errors([&] {
    if (!std::filesystem::exists(model)) throw error{model.string() + ": no such file or folder"};
    if (checkpoint::is_gguf(model)) return checkpoint::gguf_llama_config(checkpoint::read_gguf(model));
    const std::filesystem::path folder = checkpoint::folder_of(model);
    if (!std::filesystem::exists(folder / "config.json") && checkpoint::is_meta_folder(folder))
      return checkpoint::load_meta_config(folder);
    const io::json object(io::load_json(folder / "config.json"));
    return checkpoint::detail::read_llama_config(folder, object);
  });
}

}  // namespace tulu
