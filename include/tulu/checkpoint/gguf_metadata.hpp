#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/core/error.hpp>

namespace tulu::checkpoint {

/// A key of GGUF metadata and its value.
struct gguf_entry {
  std::string key;
  gguf_value value;
};

/// The metadata of one GGUF file.
class gguf_metadata {
 public:
  /// Throws when a key is there twice.
  gguf_metadata(std::filesystem::path path, std::vector<gguf_entry> entries)
      : path_{std::move(path)}, entries_{std::move(entries)}, by_key_(entries_.size()) {
    std::iota(by_key_.begin(), by_key_.end(), std::size_t{0});
    std::sort(by_key_.begin(), by_key_.end(),
              [this](std::size_t a, std::size_t b) { return entries_[a].key < entries_[b].key; });
    for (std::size_t i = 1; i < by_key_.size(); ++i)
      if (const std::string& key = entries_[by_key_[i]].key; key == entries_[by_key_[i - 1]].key)
        throw mismatch_error(path_.string(), printable(key), "each key once", "it again");
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// In the order of the file.
  [[nodiscard]] std::span<const gguf_entry> entries() const noexcept { return entries_; }

  /// The value of a key, or null.
  [[nodiscard]] const gguf_value* find(std::string_view key) const noexcept {
    const auto found = std::lower_bound(by_key_.begin(), by_key_.end(), key,
                                        [this](std::size_t i, std::string_view k) { return entries_[i].key < k; });
    return found != by_key_.end() && entries_[*found].key == key ? &entries_[*found].value : nullptr;
  }
  [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

  /// The value of a key as a T (gguf_value::as), or as the elements of an array when T is a std::vector; nothing when
  /// there is no such key. Throws when it is of another type or does not fit.
  template <class T>
  [[nodiscard]] std::optional<T> get(std::string_view key) const {
    const gguf_value* const value = find(key);
    if (value == nullptr) return std::nullopt;
    auto result = convert(*value, std::type_identity<T>{});
    if (!result) throw mismatch(key, wanted(std::type_identity<T>{}), describe(*value));
    return result;
  }

  /// As `get`, but throws when there is no such key.
  template <class T>
  [[nodiscard]] T required(std::string_view key) const {
    auto value = get<T>(key);
    if (!value) throw mismatch(key, wanted(std::type_identity<T>{}), "no such key");
    return std::move(*value);
  }

  [[nodiscard]] error mismatch(std::string_view key, std::string_view expected, std::string_view found) const {
    return mismatch_error(path_.string(), printable(key), expected, found);
  }

 private:
  template <class T>
  [[nodiscard]] static std::optional<T> convert(const gguf_value& value, std::type_identity<T>) {
    return value.as<T>();
  }
  template <class T>
  [[nodiscard]] static std::optional<std::vector<T>> convert(const gguf_value& value,
                                                             std::type_identity<std::vector<T>>) {
    return value.as_array<T>();
  }

  template <class T>
  [[nodiscard]] static std::string wanted(std::type_identity<T>) {
    return std::string{name(gguf_type_of<T>())};
  }
  template <class T>
  [[nodiscard]] static std::string wanted(std::type_identity<std::vector<T>>) {
    return "an array of " + std::string{name(gguf_type_of<T>())};
  }

  std::filesystem::path path_;
  std::vector<gguf_entry> entries_;
  std::vector<std::size_t> by_key_;
};

}  // namespace tulu::checkpoint
