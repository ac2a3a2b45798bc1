#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/checkpoint/detail/config_reader.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>

namespace tulu::checkpoint {

/// The params.json of a Meta checkpoint, in the words and with the defaults of Meta's `ModelArgs` (llama/model.py).
struct meta_params {
  std::string file{};  ///< for messages
  std::size_t dim = 4096;
  std::size_t n_layers = 32;
  std::size_t n_heads = 32;
  std::size_t n_kv_heads = 32;
  std::size_t multiple_of = 256;
  double ffn_dim_multiplier = 1;
  double norm_eps = 1e-5;
  double rope_theta = 10000;
  bool use_scaled_rope = false;
  std::optional<double> rope_scaling_factor{};
  std::optional<std::size_t> vocab_size{};  ///< nothing for -1: as many as the embedding has rows
  bool has_kv_heads = false;                ///< the file gives n_kv_heads

  [[nodiscard]] std::size_t head_dim() const noexcept { return dim / n_heads; }

  /// The rows of w1 and w3: two thirds of 4 × dim, times ffn_dim_multiplier, rounded up to multiple_of.
  [[nodiscard]] std::size_t feed_forward_size() const noexcept {
    const auto scaled = static_cast<std::size_t>(ffn_dim_multiplier * static_cast<double>(8 * dim / 3));
    return (scaled + multiple_of - 1) / multiple_of * multiple_of;
  }
};

namespace detail {

/// Throws for what Meta's files of other architectures and of quantised models have.
inline void check_meta_settings(const config_reader& keys) {
  constexpr std::array<std::string_view, 6> others{"moe_args",          "quantization_args", "lora_args",
                                                   "vision_chunk_size", "vision_image_size", "vision_args"};
  for (const std::string_view key : others)
    if (const io::json* const found = keys.find(key); found != nullptr && *found != -1)
      throw keys.mismatch(key, "none: it is not supported", io::describe(*found));
}

inline void check_meta_sizes(const config_reader& keys, const meta_params& params) {
  if (params.dim % params.n_heads != 0 || params.head_dim() % 2 != 0)
    throw keys.mismatch("dim", "an even number for each of " + std::to_string(params.n_heads) + " heads",
                        std::to_string(params.dim));
  if (params.n_heads % params.n_kv_heads != 0)
    throw keys.mismatch("n_kv_heads", "a divisor of n_heads, " + std::to_string(params.n_heads),
                        std::to_string(params.n_kv_heads));
  constexpr double most = 1024;
  if (params.ffn_dim_multiplier > most)
    throw keys.mismatch("ffn_dim_multiplier", "at most 1024", std::to_string(params.ffn_dim_multiplier));
}

}  // namespace detail

/// Reads params.json. Throws for a file that is none, and for numbers that no model has.
[[nodiscard]] inline meta_params load_meta_params(const std::filesystem::path& path) {
  meta_params params;
  params.file = path.string();
  const io::json whole(io::load_json(path));
  const bool is_nested = whole.is_object() && whole.contains("model") && whole["model"].is_object();
  const detail::config_reader keys{is_nested ? whole["model"] : whole, params.file, is_nested ? "model" : ""};
  detail::check_meta_settings(keys);
  params.dim = keys.required_extent("dim");
  params.n_layers = keys.required_extent("n_layers");
  params.n_heads = keys.required_extent("n_heads");
  params.has_kv_heads = keys.find("n_kv_heads") != nullptr;
  params.n_kv_heads = keys.extent("n_kv_heads", params.n_heads);
  params.multiple_of = keys.extent("multiple_of", params.multiple_of);
  params.ffn_dim_multiplier = keys.number("ffn_dim_multiplier").value_or(params.ffn_dim_multiplier);
  params.norm_eps = keys.number("norm_eps").value_or(params.norm_eps);
  params.rope_theta = keys.number("rope_theta").value_or(params.rope_theta);
  params.use_scaled_rope = keys.flag("use_scaled_rope", false);
  params.rope_scaling_factor = keys.number("rope_scaling_factor", 1);
  const io::json* const rows = keys.find("vocab_size");
  if (rows != nullptr && io::json_as<std::int64_t>(*rows) != -1) params.vocab_size = keys.extent("vocab_size", 1);
  detail::check_meta_sizes(keys, params);
  return params;
}

}  // namespace tulu::checkpoint
