#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/checkpoint/detail/check_sizes.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>

namespace tulu::checkpoint::detail {

/// Checked access to the keys of one JSON object. An absent key and null give the default.
class config_reader {
 public:
  config_reader(const io::json& object, std::string_view file, std::string_view place = {})
      : object_{object}, file_{file}, place_{place} {
    if (!object.is_object()) throw mismatch_error(file, place, "a JSON object", io::describe(object));
  }

  /// The value, null when there is none.
  [[nodiscard]] const io::json* find(std::string_view key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  [[nodiscard]] bool contains(std::string_view key) const { return object_.contains(key); }

  /// A number of things: from 1 to largest_extent.
  [[nodiscard]] std::size_t extent(std::string_view key, std::size_t absent) const {
    const io::json* const found = find(key);
    if (found == nullptr) return absent;
    const auto value = io::json_as<std::size_t>(*found);
    if (!value || *value == 0 || *value > largest_extent)
      throw mismatch(key, "an integer from 1 to " + std::to_string(largest_extent), io::describe(*found));
    return *value;
  }
  /// The same for a key that must be there.
  [[nodiscard]] std::size_t required_extent(std::string_view key) const {
    if (find(key) == nullptr) throw mismatch(key, "a number", "none");
    return extent(key, 0);
  }
  [[nodiscard]] bool flag(std::string_view key, bool absent) const {
    const io::json* const found = find(key);
    if (found != nullptr && !found->is_boolean()) throw mismatch(key, "true or false", io::describe(*found));
    return found == nullptr ? absent : found->get<bool>();
  }
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const {
    const io::json* const found = find(key);
    if (found != nullptr && !found->is_string()) throw mismatch(key, "a string", io::describe(*found));
    return found == nullptr ? std::nullopt : std::optional{found->get<std::string>()};
  }
  /// A number that float32 can hold, at least `least` and greater than zero.
  [[nodiscard]] std::optional<double> number(std::string_view key, double least = 0) const {
    const io::json* const found = find(key);
    if (found == nullptr) return std::nullopt;
    const auto value = io::json_as<double>(*found);
    if (!value || !(*value > 0) || *value < least)
      throw mismatch(key,
                     least > 0 ? "a number of at least " + std::to_string(static_cast<int>(least))
                               : std::string{"a number greater than 0"},
                     io::describe(*found));
    if (*value > static_cast<double>(std::numeric_limits<float>::max()))
      throw mismatch(key, "a number that float32 can hold", io::describe(*found));
    return value;
  }
  [[nodiscard]] double required_number(std::string_view key, double least = 0) const {
    const auto value = number(key, least);
    if (!value) throw mismatch(key, "a number", "none");
    return *value;
  }

  [[nodiscard]] error mismatch(std::string_view key, std::string_view expected, std::string_view found) const {
    const std::string where = place_.empty() ? std::string{key} : place_ + "." + std::string{key};
    return mismatch_error(file_, where, expected, found);
  }

 private:
  const io::json& object_;
  std::string_view file_;
  std::string place_;
};

}  // namespace tulu::checkpoint::detail
