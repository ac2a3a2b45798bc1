#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/error.hpp>

namespace tulu::checkpoint {

/// The tensors of one checkpoint, whatever files they lie in. Copies share the files.
class catalogue {
 public:
  /// `files`, sorted by name, are those that `tensors` lie in. Throws when two tensors have the same name.
  catalogue(std::filesystem::path path, std::vector<stored_tensor> tensors, std::map<std::string, std::string> metadata,
            std::vector<std::shared_ptr<const tensor_file>> files)
      : path_{std::move(path)},
        tensors_{std::move(tensors)},
        metadata_{std::move(metadata)},
        files_{std::move(files)},
        by_name_(tensors_.size()) {
    std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
    std::stable_sort(by_name_.begin(), by_name_.end(),
                     [this](std::size_t a, std::size_t b) { return tensors_[a].name() < tensors_[b].name(); });
    for (std::size_t i = 1; i < by_name_.size(); ++i)
      refuse_same_name(tensors_[by_name_[i - 1]], tensors_[by_name_[i]]);
  }

  /// What was opened: a folder or one file.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Shard after shard in the order of their names, inside a shard in the order of the file.
  [[nodiscard]] std::span<const stored_tensor> tensors() const noexcept { return tensors_; }

  /// The tensor of that name, or null.
  [[nodiscard]] const stored_tensor* find(std::string_view name) const noexcept {
    const auto found =
        std::lower_bound(by_name_.begin(), by_name_.end(), name,
                         [this](std::size_t i, std::string_view key) { return tensors_[i].name() < key; });
    return found != by_name_.end() && tensors_[*found].name() == name ? &tensors_[*found] : nullptr;
  }

  /// The `__metadata__` entries that all safetensors files have, with the same value.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  /// Every weight file, sorted by name.
  [[nodiscard]] std::span<const std::shared_ptr<const tensor_file>> files() const noexcept { return files_; }

 private:
  static void refuse_same_name(const stored_tensor& first, const stored_tensor& second) {
    if (first.name() == second.name())
      throw mismatch_error(second.file().path().string(), printable(first.name()), "each tensor in one place",
                           "it in " + first.file().path().filename().string() + " too");
  }

  std::filesystem::path path_;
  std::vector<stored_tensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::shared_ptr<const tensor_file>> files_;
  std::vector<std::size_t> by_name_;
};

}  // namespace tulu::checkpoint
