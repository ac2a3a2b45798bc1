#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "temp_dir.hpp"
#include <tulu/checkpoint/safetensors.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/kernel/elementwise_table.hpp>

namespace tulu::test {

/// A tensor to be stored: float32 values, rounded to `type`.
struct tensor_values {
  std::string name;
  shape extents;
  std::vector<float> values;
  dtype type = dtype::f32;
};

using model_values = std::vector<tensor_values>;

/// Normal values with a fixed seed.
[[nodiscard]] inline std::vector<float> random_values(std::size_t count, unsigned seed, float deviation = 1.0F) {
  std::mt19937 generator{seed};
  std::normal_distribution<float> normal{0.0F, deviation};
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

/// Embedding, one projection, one norm, head: the names of a LLaMA checkpoint, `rows` vocabulary entries of 3 columns.
[[nodiscard]] inline model_values small_model(std::size_t rows, unsigned seed, dtype type = dtype::f32) {
  return {{"model.embed_tokens.weight", {rows, 3}, random_values(rows * 3, seed), type},
          {"model.layers.0.self_attn.q_proj.weight", {3, 3}, random_values(9, seed + 1), type},
          {"model.norm.weight", {3}, random_values(3, seed + 2), type},
          {"lm_head.weight", {rows, 3}, random_values(rows * 3, seed + 3), type}};
}

inline void write_safetensors(const std::filesystem::path& path, const model_values& tensors,
                              const std::map<std::string, std::string>& metadata = {}) {
  std::vector<checkpoint::safetensors_entry> entries;
  for (const tensor_values& tensor : tensors) entries.push_back({tensor.name, tensor.type, tensor.extents});
  std::string content = checkpoint::format_safetensors_header(entries, metadata);
  for (const tensor_values& tensor : tensors) {
    std::vector<std::byte> bytes(tensor.values.size() * size_of(tensor.type));
    kernel::backend_portable().elementwise->converter(dtype::f32, tensor.type)(
        reinterpret_cast<const std::byte*>(tensor.values.data()), bytes.data(), tensor.values.size());
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  write_file(path, content);
}

/// A folder with model.safetensors and config.json.
inline std::filesystem::path write_model(const std::filesystem::path& folder, const model_values& tensors,
                                         const std::string& config = "{}",
                                         const std::map<std::string, std::string>& metadata = {}) {
  std::filesystem::create_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors, metadata);
  write_file(folder / "config.json", config);
  return folder;
}

}  // namespace tulu::test
