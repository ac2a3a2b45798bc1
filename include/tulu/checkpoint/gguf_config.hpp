#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/checkpoint/detail/check_sizes.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_names.hpp>
#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/error.hpp>

namespace tulu::checkpoint {

namespace detail {

/// Checked access to the numbers of a LLaMA model in GGUF metadata.
class gguf_keys {
 public:
  explicit gguf_keys(const gguf_metadata& metadata) : metadata_{metadata} {}

  /// A number of things: from 1 to largest_extent; nothing when there is no such key.
  [[nodiscard]] std::optional<std::size_t> extent(std::string_view key) const {
    const auto value = metadata_.get<std::uint64_t>(key);
    if (value && (*value == 0 || *value > largest_extent))
      throw metadata_.mismatch(key, "an integer from 1 to " + std::to_string(largest_extent), std::to_string(*value));
    return value;
  }
  [[nodiscard]] std::size_t required_extent(std::string_view key) const {
    const auto value = extent(key);
    if (!value) throw metadata_.mismatch(key, "an integer", "no such key");
    return *value;
  }

  /// A finite number greater than 0. A float32 is the shortest decimal number that rounds to it, as it was before it
  /// was written: 1e-05 and not 9.99999974e-06.
  [[nodiscard]] std::optional<double> number(std::string_view key) const {
    const gguf_value* const found = metadata_.find(key);
    if (found == nullptr) return std::nullopt;
    auto value = metadata_.get<double>(key);
    if (!(*value > 0) || *value > static_cast<double>(std::numeric_limits<float>::max()))
      throw metadata_.mismatch(key, "a number greater than 0 that float32 can hold", std::to_string(*value));
    if (const auto stored = found->as<float>()) value = shortest(*stored);
    return value;
  }

  /// The error for a key of config.json, under the name it has here.
  [[nodiscard]] error mismatch(std::string_view key, std::string_view expected, std::string_view found) const {
    for (const auto& [theirs, ours] : names)
      if (theirs == key) return metadata_.mismatch(ours, expected, found);
    return metadata_.mismatch(key, expected, found);
  }

 private:
  static constexpr std::array<name_pair, 3> names{{{"num_key_value_heads", "llama.attention.head_count_kv"},
                                                   {"head_dim", "llama.attention.key_length"},
                                                   {"hidden_size", "llama.embedding_length"}}};

  [[nodiscard]] static double shortest(float value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    double result = 0;
    std::from_chars(text.data(), end, result);
    return result;
  }

  const gguf_metadata& metadata_;
};

/// The rows of the embedding; of a file without one the vocabulary that it names.
[[nodiscard]] inline std::size_t gguf_vocabulary(const gguf_contents& contents) {
  if (const stored_tensor* const embed = contents.find(gguf_embed_name)) {
    const shape& extents = embed->extents();
    if (extents.rank() != 2 || extents[0] == 0 || extents[0] > largest_extent)
      throw mismatch_error(embed->file().path().string(), gguf_embed_name,
                           "a matrix of 1 to " + std::to_string(largest_extent) + " rows", to_string(extents));
    return extents[0];
  }
  if (const auto size = gguf_keys{contents.metadata}.extent("llama.vocab_size")) return *size;
  constexpr std::string_view key = "tokenizer.ggml.tokens";
  const gguf_value* const tokens = contents.metadata.find(key);
  if (tokens == nullptr || tokens->size() > largest_extent)
    throw contents.metadata.mismatch(gguf_embed_name, "the embedding or a vocabulary", "neither");
  return tokens->size();
}

inline void read_gguf_sizes(const gguf_contents& contents, llama_config& config) {
  const gguf_keys keys{contents.metadata};
  config.vocab_size = gguf_vocabulary(contents);
  config.hidden_size = keys.required_extent("llama.embedding_length");
  config.intermediate_size = keys.required_extent("llama.feed_forward_length");
  config.num_hidden_layers = keys.required_extent("llama.block_count");
  config.max_position_embeddings = keys.required_extent("llama.context_length");
  config.num_attention_heads = keys.required_extent("llama.attention.head_count");
  config.num_key_value_heads = keys.extent("llama.attention.head_count_kv").value_or(config.num_attention_heads);
  const auto head_dim = keys.extent("llama.attention.key_length");
  if (!head_dim && config.hidden_size % config.num_attention_heads != 0)
    throw keys.mismatch("hidden_size",
                        "a multiple of llama.attention.head_count, " + std::to_string(config.num_attention_heads),
                        std::to_string(config.hidden_size));
  config.head_dim = head_dim.value_or(config.hidden_size / config.num_attention_heads);
  check_sizes(keys, config);
  for (const std::string_view key : {"llama.attention.value_length", "llama.rope.dimension_count"})
    if (const auto size = keys.extent(key); size && *size != config.head_dim)
      throw contents.metadata.mismatch(key, "the size of a head, " + std::to_string(config.head_dim),
                                       std::to_string(*size));
}

/// The factors of rope_freqs.weight, one per frequency; none when there is no such tensor.
[[nodiscard]] inline std::vector<float> read_rope_factors(const gguf_contents& contents, std::size_t head_dim) {
  const stored_tensor* const stored = contents.find(rope_factors_name);
  if (stored == nullptr) return {};
  const std::string file = stored->file().path().string();
  if (stored->type() != dtype::f32 || stored->extents() != shape{head_dim / 2})
    throw mismatch_error(file, rope_factors_name, "F32 [" + std::to_string(head_dim / 2) + "]",
                         std::string{name(stored->type())} + " " + to_string(stored->extents()));
  std::vector<float> factors(head_dim / 2);
  stored->read(0, factors.size(), std::as_writable_bytes(std::span{factors}));
  for (const float factor : factors)
    if (!std::isfinite(factor) || !(factor > 0))
      throw mismatch_error(file, rope_factors_name, "finite numbers greater than 0", std::to_string(factor));
  return factors;
}

inline void read_gguf_rope(const gguf_contents& contents, llama_config& config) {
  const gguf_metadata& metadata = contents.metadata;
  const gguf_keys keys{metadata};
  config.rope_theta = keys.number("llama.rope.freq_base").value_or(10000);
  config.rope_factors = read_rope_factors(contents, config.head_dim);
  constexpr std::string_view type_key = "llama.rope.scaling.type";
  auto factor = keys.number("llama.rope.scaling.factor");
  if (!factor) factor = keys.number("llama.rope.scale_linear");
  const auto type = metadata.get<std::string>(type_key).value_or("linear");
  if (type != "none" && type != "linear") throw metadata.mismatch(type_key, "none or linear", printable(type));
  if (type == "none" || !factor || *factor == 1) return;
  if (*factor < 1) throw metadata.mismatch("llama.rope.scaling.factor", "at least 1", std::to_string(*factor));
  config.scaling.type = rope_scaling_type::linear;
  config.scaling.factor = *factor;
}

/// The token of that key. 0xffffffff, which some converters write, is none.
[[nodiscard]] inline std::optional<std::uint32_t> gguf_token(const gguf_metadata& metadata, std::string_view key,
                                                             std::size_t vocabulary) {
  const auto id = metadata.get<std::uint32_t>(key);
  if (!id || *id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  if (*id >= vocabulary) throw metadata.mismatch(key, "an id below " + std::to_string(vocabulary), std::to_string(*id));
  return id;
}

/// What begins a text and what ends an answer; a SentencePiece vocabulary that says nothing has 1 and 2, as in
/// llama.cpp.
inline void read_gguf_tokens(const gguf_metadata& metadata, llama_config& config) {
  const auto model = metadata.get<std::string>("tokenizer.ggml.model");
  const bool is_sentencepiece = model && *model == "llama";
  const auto token = [&](std::string_view key) { return gguf_token(metadata, key, config.vocab_size); };
  config.bos_token_id = token("tokenizer.ggml.bos_token_id");
  if (is_sentencepiece && !metadata.contains("tokenizer.ggml.bos_token_id")) config.bos_token_id = 1;
  if (is_sentencepiece && !metadata.contains("tokenizer.ggml.eos_token_id")) config.eos_token_ids = {2};
  for (const std::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const auto id = token(key);
        id && std::find(config.eos_token_ids.begin(), config.eos_token_ids.end(), *id) == config.eos_token_ids.end())
      config.eos_token_ids.push_back(*id);
}

}  // namespace detail

/// The configuration of a LLaMA model in GGUF. Throws for another architecture, for a setting that is not supported
/// and for numbers that no model has. Reads rope_freqs.weight and no other data.
[[nodiscard]] inline llama_config gguf_llama_config(const gguf_contents& contents) {
  const gguf_metadata& metadata = contents.metadata;
  check_gguf_architecture(metadata);
  if (const auto experts = metadata.get<std::uint32_t>("llama.expert_count"); experts && *experts != 0)
    throw metadata.mismatch("llama.expert_count", "0: mixtures of experts are not supported", std::to_string(*experts));
  llama_config config;
  config.file = metadata.path().string();
  detail::read_gguf_sizes(contents, config);
  detail::read_gguf_rope(contents, config);
  constexpr std::string_view eps_key = "llama.attention.layer_norm_rms_epsilon";
  const auto eps = detail::gguf_keys{metadata}.number(eps_key);
  if (!eps) throw metadata.mismatch(eps_key, "a number", "no such key");
  config.rms_norm_eps = *eps;
  config.attention_bias = contents.find("blk.0.attn_q.bias") != nullptr;
  config.mlp_bias = contents.find("blk.0.ffn_gate.bias") != nullptr;
  config.tie_word_embeddings = contents.find(gguf_head_name) == nullptr;
  detail::read_gguf_tokens(metadata, config);
  return config;
}

}  // namespace tulu::checkpoint
