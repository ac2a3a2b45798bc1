#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tulu/checkpoint/shard_index.hpp>
#include <tulu/core/error.hpp>

namespace tulu::checkpoint {

/// The folder that a model's other files lie in: `model` itself, or where the file `model` is.
[[nodiscard]] inline std::filesystem::path folder_of(const std::filesystem::path& model) {
  if (std::filesystem::is_directory(model)) return model;
  return model.has_parent_path() ? model.parent_path() : std::filesystem::path{"."};
}

/// The files that the weights in a folder lie in.
struct weight_files {
  std::vector<std::filesystem::path> paths;  ///< sorted
  std::filesystem::path index_path{};        ///< empty when there is no index
  shard_index index{};
};

namespace detail {

/// The names of what lies in `folder`, hidden files left out.
[[nodiscard]] inline std::set<std::string> list_folder(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry{folder, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with('.')) names.insert(std::move(name));
  }
  if (failure) throw error{folder.string() + ": cannot list: " + failure.message()};
  return names;
}

/// "a, b, c and 12 more", for messages.
[[nodiscard]] inline std::string join_some(const std::set<std::string>& names, std::size_t most = 8) {
  if (names.empty()) return "nothing";
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (count++ == most) return text + " and " + std::to_string(names.size() - most) + " more";
    text.append(text.empty() ? "" : ", ").append(printable(name));
  }
  return text;
}

/// The parts of "model-00001-of-00003.safetensors".
struct shard_name {
  std::string_view prefix;  ///< "model"
  std::size_t number = 0;
  std::size_t total = 0;
};

[[nodiscard]] inline std::optional<shard_name> parse_shard_name(std::string_view name, std::string_view suffix) {
  constexpr std::size_t tail = std::string_view{"-00001-of-00003"}.size();
  if (!name.ends_with(suffix) || name.size() < tail + suffix.size()) return std::nullopt;
  name.remove_suffix(suffix.size());
  const std::string_view parts = name.substr(name.size() - tail);
  if (parts[0] != '-' || parts.substr(6, 4) != "-of-") return std::nullopt;
  shard_name shard{.prefix = name.substr(0, name.size() - tail)};
  const auto parse = [](std::string_view digits, std::size_t& value) {
    return digits.find_first_not_of("0123456789") == digits.npos &&
           std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc{};
  };
  if (!parse(parts.substr(1, 5), shard.number) || !parse(parts.substr(10, 5), shard.total)) return std::nullopt;
  return shard;
}

/// "00007".
[[nodiscard]] inline std::string five_digits(std::size_t value) {
  const std::string digits = std::to_string(value);
  return std::string(5 - std::min<std::size_t>(digits.size(), 5), '0') + digits;
}

/// Files of training and adapters, which have the suffix of weights.
[[nodiscard]] inline bool is_other_file(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> others{"training_args.bin", "optimizer.bin", "scheduler.bin", "scaler.bin"};
  return name.starts_with("adapter_") || (name.starts_with("consolidated.") && name.ends_with(".pth")) ||
         std::find(others.begin(), others.end(), name) != others.end();
}

[[nodiscard]] inline std::set<std::string> with_suffix(const std::set<std::string>& names, std::string_view suffix) {
  std::set<std::string> found;
  for (const std::string& name : names)
    if (name.ends_with(suffix) && !is_other_file(name)) found.insert(name);
  return found;
}

/// The complete set of shards among `names`, which lost its index; empty when no name is that of a shard. Throws when
/// one is missing or when they are of more than one set.
[[nodiscard]] inline std::vector<std::filesystem::path> find_shards(const std::filesystem::path& folder,
                                                                    const std::set<std::string>& names,
                                                                    std::string_view suffix) {
  std::vector<std::filesystem::path> paths;
  std::optional<shard_name> first;
  for (const std::string& name : names) {
    const auto shard = parse_shard_name(name, suffix);
    if (!shard) continue;
    if (!first) first = shard;
    if (shard->prefix != first->prefix || shard->total != first->total)
      throw mismatch_error(folder.string(), "", "the shards of one model", join_some(names));
    paths.push_back(folder / name);
  }
  if (!first) return paths;
  for (std::size_t number = 1; number <= first->total; ++number) {
    const std::string name = std::string{first->prefix} + "-" + five_digits(number) + "-of-" +
                             five_digits(first->total) + std::string{suffix};
    if (!names.contains(name)) throw mismatch_error((folder / name).string(), "", "a shard", "no such file");
  }
  if (paths.size() != first->total)
    throw mismatch_error(folder.string(), "", "shards 1 to " + std::to_string(first->total), join_some(names));
  return paths;
}

[[nodiscard]] inline weight_files read_indexed(const std::filesystem::path& folder, std::string_view index_name) {
  weight_files found{.paths = {}, .index_path = folder / index_name, .index = read_shard_index(folder / index_name)};
  for (const std::string& name : found.index.files) {
    found.paths.push_back(folder / name);
    std::error_code failure;
    if (!std::filesystem::exists(found.paths.back(), failure))
      throw mismatch_error(found.paths.back().string(), "", "the shard named in " + std::string{index_name},
                           "no such file");
  }
  return found;
}

}  // namespace detail

/// Finds the weights as transformers does: one safetensors file, then indexed ones, then the same of PyTorch's. After
/// them, a complete set of shards without an index, and the only file whose name ends like that of weights.
[[nodiscard]] inline weight_files find_weight_files(const std::filesystem::path& folder) {
  const std::set<std::string> names = detail::list_folder(folder);
  for (const char* const name : {"model.safetensors", "pytorch_model.bin"}) {
    if (names.contains(name)) return {.paths = {folder / name}};
    const std::string index_name = std::string{name} + ".index.json";
    if (names.contains(index_name)) return detail::read_indexed(folder, index_name);
  }
  for (const std::string_view suffix : {".safetensors", ".bin"})
    if (auto shards = detail::find_shards(folder, detail::with_suffix(names, suffix), suffix); !shards.empty())
      return {.paths = std::move(shards)};
  for (const std::string_view suffix : {".safetensors", ".bin", ".pth"}) {
    const auto candidates = detail::with_suffix(names, suffix);
    if (candidates.size() == 1) return {.paths = {folder / *candidates.begin()}};
    if (candidates.size() > 1)
      throw mismatch_error(folder.string(), "", "one *" + std::string{suffix} + " or an index",
                           detail::join_some(candidates));
  }
  throw mismatch_error(folder.string(), "", "model.safetensors, pytorch_model.bin or the index of one of them",
                       detail::join_some(names));
}

}  // namespace tulu::checkpoint
