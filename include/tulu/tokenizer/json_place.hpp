#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>

namespace tulu::detail {

/// A value of a JSON file that knows where it stands, so that errors can say so: `FILE: model.merges[12]: …`. It
/// refers to the value and to the name.
class json_place {
 public:
  json_place(const io::json& value, std::string_view file, std::string path = {})
      : value_{&value}, file_{file}, path_{std::move(path)} {}

  [[nodiscard]] const io::json& value() const noexcept { return *value_; }
  [[nodiscard]] std::string_view file() const noexcept { return file_; }
  [[nodiscard]] bool is_null() const noexcept { return value_->is_null(); }
  [[nodiscard]] std::size_t size() const noexcept { return value_->size(); }

  [[nodiscard]] error wrong(std::string_view expected, std::string_view found) const {
    return mismatch_error(file_, path_, expected, found);
  }
  [[nodiscard]] error wrong(std::string_view expected) const { return wrong(expected, io::describe(*value_)); }

  /// The value as a bool, an integer or a string.
  template <class Value>
  [[nodiscard]] Value as() const {
    auto value = io::json_as<Value>(*value_);
    if (!value) throw wrong(io::detail::json_kind<Value>());
    return std::move(*value);
  }

  /// The member `key` of an object; nothing when it is absent or null.
  [[nodiscard]] std::optional<json_place> find(std::string_view key) const {
    if (!value_->is_object()) throw wrong("an object");
    const auto found = value_->find(key);
    if (found == value_->end() || found->is_null()) return std::nullopt;
    return json_place{*found, file_, path_of(key)};
  }
  [[nodiscard]] json_place at(std::string_view key) const {
    auto found = find(key);
    if (!found) throw mismatch_error(file_, path_of(key), "a value", value_->contains(key) ? "null" : "no such key");
    return std::move(*found);
  }
  /// The member `key`, `otherwise` when it is absent or null.
  template <class Value>
  [[nodiscard]] Value value_or(std::string_view key, Value otherwise) const {
    const auto found = find(key);
    return found ? found->template as<Value>() : otherwise;
  }

  /// Calls visit(element) for the elements of an array.
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (!value_->is_array()) throw wrong("an array");
    for (std::size_t i = 0; i < value_->size(); ++i)
      visit(json_place{(*value_)[i], file_, path_ + "[" + std::to_string(i) + "]"});
  }

 private:
  [[nodiscard]] std::string path_of(std::string_view key) const {
    return (path_.empty() ? "" : path_ + ".") + printable(key, 60);
  }

  const io::json* value_;
  std::string_view file_;
  std::string path_;
};

}  // namespace tulu::detail
