#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/json.hpp>

namespace tulu::checkpoint {

/// What `model.safetensors.index.json` or `pytorch_model.bin.index.json` says. Its total_size is not read: it is
/// wrong too often to be of use.
struct shard_index {
  std::vector<std::string> files;                 ///< names in the folder of the index, each once, sorted
  std::map<std::string, std::string> weight_map;  ///< tensor → file
};

[[nodiscard]] inline shard_index read_shard_index(const std::filesystem::path& path) {
  const std::string file = path.string();
  const io::json content = io::load_json(path);
  if (!content.is_object() || !content.contains("weight_map") || !content["weight_map"].is_object())
    throw mismatch_error(
        file, "weight_map", "an object of tensor names and file names",
        content.is_object() && content.contains("weight_map") ? io::describe(content["weight_map"]) : "no such key");
  shard_index index;
  for (const auto& [tensor, shard] : content["weight_map"].items()) {
    const std::string place = "weight_map." + printable(tensor);
    if (!shard.is_string()) throw mismatch_error(file, place, "a file name", io::describe(shard));
    auto shard_name = shard.template get<std::string>();
    if (!io::is_plain_file_name(shard_name))
      throw mismatch_error(file, place, "the plain name of a file in this folder", "\"" + printable(shard_name) + "\"");
    index.files.push_back(shard_name);
    index.weight_map.emplace(tensor, std::move(shard_name));
  }
  if (index.files.empty()) throw mismatch_error(file, "weight_map", "at least one tensor", "none");
  std::sort(index.files.begin(), index.files.end());
  index.files.erase(std::unique(index.files.begin(), index.files.end()), index.files.end());
  return index;
}

/// The text of an index as transformers writes it, tensors sorted by name. `total_size` counts the bytes of all data.
[[nodiscard]] inline std::string format_shard_index(const std::vector<std::pair<std::string, std::string>>& weight_map,
                                                    std::size_t total_size) {
  std::map<std::string_view, std::string_view> sorted;
  for (const auto& [tensor, file] : weight_map)
    if (!sorted.emplace(tensor, file).second)
      throw mismatch_error("shard index", printable(tensor), "a name of its own for each tensor", "the name again");
  std::string text = "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total_size) + "\n  },\n";
  text += "  \"weight_map\": {";
  std::string_view separator = "\n    ";
  for (const auto& [tensor, file] : sorted)
    text.append(std::exchange(separator, ",\n    "))
        .append(io::quote_json(tensor, true))
        .append(": ")
        .append(io::quote_json(file, true));
  return text + (sorted.empty() ? "}\n}\n" : "\n  }\n}\n");
}

}  // namespace tulu::checkpoint
