#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/detail/gguf_header.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_names.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/stand_in.hpp>

namespace tulu::checkpoint {

/// What a GGUF file, or all files of a split one, say. The tensors have the names and the order of rows of the file.
struct gguf_contents {
  gguf_metadata metadata;  ///< of the first file
  std::vector<stored_tensor> tensors;
  std::vector<std::shared_ptr<const tensor_file>> files;

  /// The tensor of that name, or null.
  [[nodiscard]] const stored_tensor* find(std::string_view name) const noexcept {
    for (const stored_tensor& tensor : tensors)
      if (tensor.name() == name) return &tensor;
    return nullptr;
  }
};

/// True when a file that begins with `head` is a GGUF file.
[[nodiscard]] inline bool looks_like_gguf(std::string_view head) noexcept {
  return head.starts_with(gguf_magic);
}

/// True when `path` is a file that begins as a GGUF file does.
[[nodiscard]] inline bool is_gguf(const std::filesystem::path& path) {
  std::error_code failure;
  return std::filesystem::is_regular_file(path, failure) &&
         looks_like_gguf(io::read_head(io::file{path}, gguf_magic.size()));
}

namespace detail {

inline constexpr std::string_view gguf_suffix = ".gguf";
inline constexpr std::string_view split_number_key = "split.no";
inline constexpr std::string_view split_count_key = "split.count";
inline constexpr std::string_view split_tensors_key = "split.tensors.count";

[[nodiscard]] inline gguf_header read_gguf_header(const tensor_file& source) {
  return gguf_header_reader{source.mapping(), source.file().path().string()}.read();
}

/// One file by itself.
[[nodiscard]] inline gguf_contents read_gguf_file(const std::filesystem::path& path) {
  auto source = std::make_shared<const tensor_file>(path);
  gguf_header header = read_gguf_header(*source);
  std::vector<stored_tensor> tensors;
  tensors.reserve(header.tensors.size());
  for (gguf_tensor_info& info : header.tensors) {
    storage_layout layout{.offset = header.data_start + info.offset};
    layout.byte_swapped = std::endian::native != std::endian::little && traits(info.type).alignment > 1;
    tensors.emplace_back(std::move(info.name), info.type, std::move(info.extents), source, std::move(layout));
  }
  return {std::move(header.metadata), std::move(tensors), {std::move(source)}};
}

/// The number of files that the model of one of them is split into; 1 when it is not.
[[nodiscard]] inline std::size_t split_count(const gguf_metadata& metadata) {
  const std::size_t count = metadata.get<std::uint16_t>(split_count_key).value_or(1);
  return count == 0 ? 1 : count;
}

/// Throws unless the file says that it is number `number`, from 0, of `count`.
inline void check_split(const gguf_metadata& metadata, std::size_t number, std::size_t count) {
  const std::size_t own_number = metadata.required<std::uint16_t>(split_number_key);
  if (own_number != number)
    throw metadata.mismatch(split_number_key, std::to_string(number) + ", as the file's name says",
                            std::to_string(own_number));
  if (const std::size_t own = split_count(metadata); own != count)
    throw metadata.mismatch(split_count_key, std::to_string(count) + ", as the file's name says", std::to_string(own));
}

/// All files of a split model, of which `path` is one, as llama.cpp's gguf-split names them.
[[nodiscard]] inline gguf_contents read_split_gguf(const std::filesystem::path& path, std::size_t count) {
  const std::string name = path.filename().string();
  const auto parts = parse_shard_name(name, gguf_suffix);
  if (!parts || parts->total != count)
    throw mismatch_error(path.string(), "", "a name that ends in -00001-of-" + five_digits(count) + ".gguf",
                         "a part of a split model under this name");
  std::optional<gguf_contents> all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::filesystem::path part = path.parent_path() / (std::string{parts->prefix} + "-" + five_digits(i + 1) +
                                                             "-of-" + five_digits(count) + std::string{gguf_suffix});
    std::error_code failure;
    if (!std::filesystem::exists(part, failure))
      throw mismatch_error(part.string(), "", "a part of the split model", "no such file");
    gguf_contents next = read_gguf_file(part);
    check_split(next.metadata, i, count);
    if (!all) {
      all = std::move(next);
      continue;
    }
    std::move(next.tensors.begin(), next.tensors.end(), std::back_inserter(all->tensors));
    std::move(next.files.begin(), next.files.end(), std::back_inserter(all->files));
  }
  const auto promised = all->metadata.get<std::uint64_t>(split_tensors_key);
  if (promised && *promised != all->tensors.size())
    throw all->metadata.mismatch(split_tensors_key, std::to_string(all->tensors.size()) + ", the tensors of all files",
                                 std::to_string(*promised));
  return std::move(*all);
}

}  // namespace detail

/// Reads the header of a GGUF file, and of the others when it is one of a split model. No data are touched. Throws for
/// anything that the format does not allow, and for types of tensors that are not supported.
[[nodiscard]] inline gguf_contents read_gguf(const std::filesystem::path& path) {
  gguf_contents contents = detail::read_gguf_file(path);
  const std::size_t count = detail::split_count(contents.metadata);
  return count == 1 ? std::move(contents) : detail::read_split_gguf(path, count);
}

/// The metadata of a GGUF file (of the first one when it is split).
[[nodiscard]] inline gguf_metadata read_gguf_metadata(const std::filesystem::path& path) {
  return read_gguf(path).metadata;
}

inline constexpr std::string_view gguf_architecture_key = "general.architecture";

/// Throws unless the metadata are those of a LLaMA model.
inline void check_gguf_architecture(const gguf_metadata& metadata) {
  const auto architecture = metadata.required<std::string>(gguf_architecture_key);
  if (architecture != "llama") throw metadata.mismatch(gguf_architecture_key, "llama", printable(architecture));
}

namespace detail {

/// The heads whose rows the tensor of that name of transformers has.
[[nodiscard]] inline std::size_t gguf_heads_of(std::string_view name, const gguf_metadata& metadata) {
  constexpr std::string_view key = "llama.attention.head_count";
  const auto heads = metadata.required<std::uint32_t>(key);
  if (name.find("k_proj") == name.npos) return heads;
  return metadata.get<std::uint32_t>(std::string{key} + "_kv").value_or(heads);
}

/// The metadata whose values are strings.
[[nodiscard]] inline std::map<std::string, std::string> strings_of(const gguf_metadata& metadata) {
  std::map<std::string, std::string> strings;
  for (const gguf_entry& entry : metadata.entries())
    if (auto text = entry.value.as<std::string>()) strings.emplace(entry.key, std::move(*text));
  return strings;
}

}  // namespace detail

/// The tensors of a LLaMA model under transformers' names and in its order of rows; those that transformers has no
/// tensor for keep their name, and the factors of the rotary embedding, which belong to the configuration, are left
/// out. The catalogue's metadata are the entries that are strings.
[[nodiscard]] inline catalogue gguf_catalogue(const std::filesystem::path& path, const gguf_contents& contents) {
  check_gguf_architecture(contents.metadata);
  std::vector<stored_tensor> tensors;
  for (const stored_tensor& stored : contents.tensors) {
    if (stored.name() == rope_factors_name) continue;
    stored_tensor tensor = stored.renamed(name_from_gguf(stored.name()).value_or(stored.name()));
    if (has_rotary_rows(tensor.name()))
      tensor = reorder_rotary_rows(tensor, detail::gguf_heads_of(tensor.name(), contents.metadata), rotary_order::pairs,
                                   rotary_order::halves);
    tensors.push_back(std::move(tensor));
  }
  return {path, std::move(tensors), detail::strings_of(contents.metadata), contents.files};
}

}  // namespace tulu::checkpoint
