#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/stand_in.hpp>

namespace tulu::io {

/// A JSON value whose objects keep the order of their keys. Looking a key up walks the object.
using json = nlohmann::ordered_json;

/// What a text may ask for before it is refused. A value takes up to about 150 bytes of memory.
struct json_limits {
  std::size_t depth = 64;
  std::size_t values = 1'000'000;
};

namespace detail {

/// The events of nlohmann's parser → a value. Unlike nlohmann's own, it refuses duplicate keys and deep nesting, and
/// an object of n keys takes n log n, not n², comparisons.
class json_builder {
 public:
  json_builder(std::string_view file, json_limits limits) noexcept : file_{file}, limits_{limits} {}

  [[nodiscard]] json take() noexcept { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool key(std::string& value) {
    key_ = std::move(value);
    return true;
  }
  bool end_object() {
    refuse_duplicates(open_.back()->get_ref<const json::object_t&>());
    open_.pop_back();
    return true;
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  [[noreturn]] bool parse_error(std::size_t position, const std::string&, const json::exception& failure) {
    std::string_view text = failure.what();  // "[json.exception.…] parse error at line 1, column 2: syntax error …"
    if (const auto at = text.find("] "); at != std::string_view::npos) text.remove_prefix(at + 2);
    if (const auto at = text.find(": "); text.starts_with("parse error") && at != std::string_view::npos)
      text.remove_prefix(at + 2);
    throw mismatch_error(file_, "byte " + std::to_string(position), "JSON", printable(text));
  }

 private:
  json& place(json value) {
    if (++values_ > limits_.values)
      throw mismatch_error(file_, "", "at most " + std::to_string(limits_.values) + " JSON values", "more");
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) {
      auto& items = open_.back()->get_ref<json::array_t&>();
      items.push_back(std::move(value));
      return items.back();
    }
    auto& members = open_.back()->get_ref<json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));  // the vector's: no search for the key
    return members.back().second;
  }
  bool add(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (open_.size() == limits_.depth)
      throw mismatch_error(file_, "", "JSON nested at most " + std::to_string(limits_.depth) + " deep",
                           "deeper nesting");
    open_.push_back(&place(std::move(value)));
    return true;
  }
  void refuse_duplicates(const json::object_t& members) const {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& member : members) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
      throw mismatch_error(file_, printable(*twice), "each key once", "a duplicate key");
  }

  std::string_view file_;
  json_limits limits_;
  json root_;
  std::vector<json*> open_;
  std::string key_;
  std::size_t values_ = 0;
};

template <class Value>
struct is_vector : std::false_type {};
template <class Element>
struct is_vector<std::vector<Element>> : std::true_type {};

/// What `json_as<Value>` accepts, for messages.
template <class Value>
[[nodiscard]] constexpr std::string_view json_kind() noexcept {
  if constexpr (std::same_as<Value, bool>) return "true or false";
  if constexpr (std::unsigned_integral<Value>) return "a non-negative integer";
  if constexpr (std::signed_integral<Value>) return "an integer";
  if constexpr (std::floating_point<Value>) return "a number";
  if constexpr (std::same_as<Value, std::string>) return "a string";
  return "an array of one kind";
}

}  // namespace detail

/// The value that the whole of `text` is. `file` is named in errors: text that is not JSON (with the position), a
/// duplicate key at any level, more than `limits` allow.
[[nodiscard]] inline json parse_json(std::string_view text, std::string_view file, json_limits limits = {}) {
  // nlohmann takes a NUL for the end of the text and would ignore what follows.
  if (const auto at = text.find('\0'); at != std::string_view::npos)
    throw mismatch_error(file, "byte " + std::to_string(at), "JSON", "a NUL character");
  detail::json_builder builder{file, limits};
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

/// The JSON file at `path`, refused unread when it is longer than `max_bytes`.
[[nodiscard]] inline json load_json(const std::filesystem::path& path, std::size_t max_bytes = 64'000'000,
                                    json_limits limits = {}) {
  const file source{path};
  const std::string name = path.string();
  if (source.size() > max_bytes)
    throw mismatch_error(name, "", "a JSON file of at most " + std::to_string(max_bytes) + " bytes",
                         std::to_string(source.size()) + " bytes");
  const std::string text = read_head(source, source.size());
  if (const auto found = describe_stand_in(text)) throw mismatch_error(name, "", "JSON", *found);
  return parse_json(text, name, limits);
}

/// `value` for a message: scalars as they are, cut when long; the kind of the others.
[[nodiscard]] inline std::string describe(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace), 60);
}

/// `value` as a bool, an integer, a floating-point number, a std::string or a vector of these; nothing when it is of
/// another type or out of range. Integers count as floating-point numbers, not the reverse.
template <class Value>
[[nodiscard]] std::optional<Value> json_as(const json& value) {
  if constexpr (std::same_as<Value, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::integral<Value>) {
    if (value.is_number_unsigned() && std::in_range<Value>(value.get<std::uint64_t>())) return value.get<Value>();
    if (value.is_number_integer() && !value.is_number_unsigned() && std::signed_integral<Value> &&
        std::in_range<Value>(value.get<std::int64_t>()))
      return value.get<Value>();
  } else if constexpr (std::floating_point<Value>) {
    if (value.is_number()) return value.get<Value>();
  } else if constexpr (std::same_as<Value, std::string>) {
    if (value.is_string()) return value.get<std::string>();
  } else {
    static_assert(detail::is_vector<Value>::value, "no JSON type for this");
    if (!value.is_array()) return std::nullopt;
    Value all;
    all.reserve(value.size());
    for (const json& item : value) {
      auto element = json_as<typename Value::value_type>(item);
      if (!element) return std::nullopt;
      all.push_back(std::move(*element));
    }
    return all;
  }
  return std::nullopt;
}

/// The member `key` of `object`; nothing when it is absent or null. Another type than Value is an error.
template <class Value>
[[nodiscard]] std::optional<Value> optional_value(const json& object, std::string_view key, std::string_view file) {
  if (!object.is_object()) throw mismatch_error(file, "", "a JSON object", describe(object));
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  auto value = json_as<Value>(*found);
  if (!value) throw mismatch_error(file, printable(key), detail::json_kind<Value>(), describe(*found));
  return value;
}

/// The member `key` of `object`, which must be there.
template <class Value>
[[nodiscard]] Value required(const json& object, std::string_view key, std::string_view file) {
  auto value = optional_value<Value>(object, key, file);
  if (!value)
    throw mismatch_error(file, printable(key), detail::json_kind<Value>(),
                         object.contains(key) ? "null" : "no such key");
  return std::move(*value);
}

/// `text` as a JSON string, in quotes. With `ascii`, everything beyond ASCII is escaped. Throws when `text` is not
/// UTF-8.
[[nodiscard]] inline std::string quote_json(std::string_view text, bool ascii = false) {
  try {
    return json(text).dump(-1, ' ', ascii);
  } catch (const json::exception&) {
    throw mismatch_error("\"" + printable(text) + "\"", "", "UTF-8", "other bytes");
  }
}

}  // namespace tulu::io
