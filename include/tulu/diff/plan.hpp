#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/diff/identity.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::diff {

/// recover adds the base, make_diff subtracts it.
enum class operation { add, subtract };

/// One tensor of the output: source (operation) bases[0] (operation) bases[1], in float32, rounded to `type` at the
/// end. Without a base it is a copy of the source. Where the source has more rows than a base, the further rows take
/// the mean of the base's rows.
struct planned_tensor {
  std::string name;
  dtype type;
  shape extents;
  const checkpoint::stored_tensor* source;  ///< of the diff (recover) or of the tuned model (make_diff)
  std::vector<const checkpoint::stored_tensor*> bases{};

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_of(type, source->size()); }
};

/// One safetensors file of the output: the tensors [first, first + count) of the plan.
struct planned_shard {
  std::string name;
  std::size_t first;
  std::size_t count;
  std::string prefix;  ///< the bytes before the data
  std::size_t bytes;   ///< of the whole file
};

/// Everything that is decided before a byte is written. Points into the catalogues it was made from.
struct plan {
  diff::operation operation;
  std::filesystem::path folder;
  std::vector<planned_tensor> tensors;
  std::vector<planned_shard> shards;
  std::vector<std::filesystem::path> copies;                 ///< files copied as they are, under their own names
  std::vector<std::pair<std::string, std::string>> texts{};  ///< further small files: name and content
  std::string index;                                         ///< of the shards; empty when there is only one
  std::string config;
  diff::identity identity;
  std::vector<std::string> warnings;

  /// Of all shards.
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t sum = 0;
    for (const planned_shard& shard : shards) sum += shard.bytes;
    return sum;
  }
};

inline constexpr char index_name[] = "model.safetensors.index.json";
inline constexpr char config_name[] = "config.json";

/// The names of all files of the output, in the order in which they are completed; the manifest comes after them.
[[nodiscard]] inline std::vector<std::string> file_names(const plan& work) {
  std::vector<std::string> names;
  for (const planned_shard& shard : work.shards) names.push_back(shard.name);
  for (const std::filesystem::path& copy : work.copies) names.push_back(copy.filename().string());
  for (const auto& text : work.texts) names.push_back(text.first);
  if (!work.index.empty()) names.emplace_back(index_name);
  names.emplace_back(config_name);
  return names;
}

}  // namespace tulu::diff
