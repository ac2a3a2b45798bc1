#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/meta.hpp>
#include <tulu/checkpoint/pytorch.hpp>
#include <tulu/checkpoint/safetensors.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/stand_in.hpp>

namespace tulu::checkpoint {

namespace detail {

using metadata_map = std::map<std::string, std::string>;

/// A length below 2^32 and the start of the header: no other format of weights begins like this.
[[nodiscard]] inline bool looks_like_safetensors(std::string_view head) noexcept {
  return head.size() > 8 && head.substr(4, 4) == std::string_view{"\0\0\0\0", 4} && head[8] == '{';
}

/// `head`, of a file of no format known, for a message.
[[nodiscard]] inline std::string describe_head(std::string_view head) {
  constexpr std::size_t shown = 60;
  const auto is_text = [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t'; };
  const std::string_view start = head.substr(0, shown);
  if (std::all_of(start.begin(), start.end(), is_text))
    return "the text \"" + printable(start) + (head.size() > shown ? "...\"" : "\"");
  return "a file that begins with \"" + printable(head.substr(0, 8)) + "\"";
}

/// Reads the header of one weight file, its format told by its content; appends the tensors. The metadata are those
/// of a safetensors file.
[[nodiscard]] inline std::optional<metadata_map> read_weights(const std::shared_ptr<const tensor_file>& source,
                                                              std::vector<stored_tensor>& tensors) {
  const std::filesystem::path& path = source->file().path();
  const std::string head = io::read_head(source->file());
  if (const auto found = io::describe_stand_in(head)) throw mismatch_error(path.string(), "", "weights", *found);
  const auto append = [&](std::vector<stored_tensor>&& more) {
    std::move(more.begin(), more.end(), std::back_inserter(tensors));
  };
  const bool is_pytorch = !looks_like_safetensors(head) && looks_like_pytorch(std::as_bytes(std::span{head}));
  if (is_pytorch) {
    append(read_pytorch(source));
    return std::nullopt;
  }
  const std::string found = describe_head(head);
  if (!looks_like_safetensors(head) && (path.extension() != ".safetensors" || found.starts_with("the text")))
    throw mismatch_error(path.string(), "", "safetensors, PyTorch or GGUF weights", found);
  safetensors_contents contents = read_safetensors(source);
  append(std::move(contents.tensors));
  return std::move(contents.metadata);
}

/// Leaves in `common` the entries that `other` has too, with the same value.
inline void keep_common(metadata_map& common, const metadata_map& other) {
  std::erase_if(common, [&](const auto& entry) {
    const auto found = other.find(entry.first);
    return found == other.end() || found->second != entry.second;
  });
}

/// The index and the shards name the same tensors in the same places.
inline void check_index(const catalogue& opened, const weight_files& files) {
  const std::string index_name = files.index_path.filename().string();
  for (const auto& [name, shard] : files.index.weight_map) {
    const stored_tensor* const tensor = opened.find(name);
    if (tensor == nullptr || tensor->file().path().filename() != shard)
      throw mismatch_error(files.index_path.string(), printable(name), "a tensor of " + printable(shard),
                           tensor == nullptr ? "no such tensor" : "it in " + tensor->file().path().filename().string());
  }
  for (const stored_tensor& tensor : opened.tensors())
    if (!files.index.weight_map.contains(tensor.name()))
      throw mismatch_error(tensor.file().path().string(), printable(tensor.name()),
                           "a tensor that " + index_name + " names", "one that it does not");
}

}  // namespace detail

/// The tensors of a checkpoint: a folder that holds weights as transformers writes them or in Meta's layout (see
/// open_meta), or one weight file. Of a GGUF file that is one of several, all are opened. Reads the headers only.
/// Throws when anything is missing, is no weight file or contradicts the index.
[[nodiscard]] inline catalogue open(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status))
    throw mismatch_error(path.string(), "", "a folder or a weight file", failure.message());
  if (is_meta_folder(path)) return open_meta(path);
  if (is_gguf(path)) return gguf_catalogue(path, read_gguf(path));
  const weight_files found =
      std::filesystem::is_directory(status) ? find_weight_files(path) : weight_files{.paths = {path}};
  std::vector<stored_tensor> tensors;
  std::vector<std::shared_ptr<const tensor_file>> files;
  std::optional<detail::metadata_map> common;
  for (const std::filesystem::path& file : found.paths) {
    files.push_back(std::make_shared<const tensor_file>(file));
    auto metadata = detail::read_weights(files.back(), tensors);
    if (metadata && common) detail::keep_common(*common, *metadata);
    if (metadata && !common) common = std::move(*metadata);
  }
  catalogue opened{path, std::move(tensors), common ? std::move(*common) : detail::metadata_map{}, std::move(files)};
  if (!found.index_path.empty()) detail::check_index(opened, found);
  return opened;
}

}  // namespace tulu::checkpoint
