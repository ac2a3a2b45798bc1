#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>

namespace tulu::checkpoint {

/// The types of GGUF metadata, with the numbers that stand for them in the file.
enum class gguf_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

inline constexpr std::uint32_t gguf_type_count = 13;

/// "uint32", "string".
[[nodiscard]] constexpr std::string_view name(gguf_type type) noexcept {
  constexpr std::array<std::string_view, gguf_type_count> names{"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                                "int32",  "float32", "bool",   "string", "array",
                                                                "uint64", "int64",   "float64"};
  return names[static_cast<std::size_t>(type)];
}

/// The bytes of a value of that type, 0 for strings and arrays, which say their own length.
[[nodiscard]] constexpr std::size_t size_of(gguf_type type) noexcept {
  constexpr std::array<std::size_t, gguf_type_count> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

/// The metadata type of a C++ type.
template <class T>
[[nodiscard]] constexpr gguf_type gguf_type_of() noexcept {
  if constexpr (std::same_as<T, std::uint8_t>) return gguf_type::u8;
  if constexpr (std::same_as<T, std::int8_t>) return gguf_type::i8;
  if constexpr (std::same_as<T, std::uint16_t>) return gguf_type::u16;
  if constexpr (std::same_as<T, std::int16_t>) return gguf_type::i16;
  if constexpr (std::same_as<T, std::uint32_t>) return gguf_type::u32;
  if constexpr (std::same_as<T, std::int32_t>) return gguf_type::i32;
  if constexpr (std::same_as<T, std::uint64_t>) return gguf_type::u64;
  if constexpr (std::same_as<T, std::int64_t>) return gguf_type::i64;
  if constexpr (std::same_as<T, float>) return gguf_type::f32;
  if constexpr (std::same_as<T, double>) return gguf_type::f64;
  if constexpr (std::same_as<T, bool>) return gguf_type::boolean;
  if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) return gguf_type::string;
}

namespace detail {

/// Appends the little-endian bytes of a number.
template <class Number>
void append_number(std::string& bytes, Number value) {
  std::array<char, sizeof(Number)> raw;
  std::memcpy(raw.data(), &value, sizeof(Number));
  if constexpr (std::endian::native != std::endian::little) std::reverse(raw.begin(), raw.end());
  bytes.append(raw.data(), raw.size());
}

/// Appends a string as GGUF writes it: the length in 8 bytes, then the bytes.
inline void append_text(std::string& bytes, std::string_view text) {
  append_number(bytes, std::uint64_t{text.size()});
  bytes.append(text);
}

template <class T>
[[nodiscard]] T take_value(io::byte_reader& reader) {
  if constexpr (std::same_as<T, float>) {
    return std::bit_cast<float>(reader.take_number<std::uint32_t>());
  } else if constexpr (std::same_as<T, double>) {
    return std::bit_cast<double>(reader.take_number<std::uint64_t>());
  } else if constexpr (std::same_as<T, bool>) {
    return reader.take_number<std::uint8_t>() != 0;
  } else if constexpr (std::integral<T>) {
    return static_cast<T>(reader.take_number<std::make_unsigned_t<T>>());
  } else {
    return T{reader.take_text(static_cast<std::size_t>(reader.take_number<std::uint64_t>()))};
  }
}

}  // namespace detail

/// One metadata value: its type and its bytes as they stand in the file. A reader that makes one has checked that the
/// bytes are those of the type.
class gguf_value {
 public:
  /// A value of a type that is no array.
  gguf_value(gguf_type type, std::string bytes) : type_{type}, element_{type}, bytes_{std::move(bytes)} {}
  /// An array of `count` values of type `element`, one behind the other in `bytes`.
  gguf_value(gguf_type element, std::size_t count, std::string bytes)
      : type_{gguf_type::array}, element_{element}, count_{count}, bytes_{std::move(bytes)} {}

  template <class T>
  [[nodiscard]] static gguf_value of(const T& value) {
    return {gguf_type_of<T>(), bytes_of_one(value)};
  }
  [[nodiscard]] static gguf_value of(const char* text) { return of(std::string_view{text}); }

  /// An array of numbers or strings.
  template <class T>
  [[nodiscard]] static gguf_value array_of(const std::vector<T>& values) {
    std::string bytes;
    for (const auto& value : values) bytes += bytes_of_one(static_cast<T>(value));
    return {gguf_type_of<T>(), values.size(), std::move(bytes)};
  }

  [[nodiscard]] gguf_type type() const noexcept { return type_; }
  [[nodiscard]] bool is_array() const noexcept { return type_ == gguf_type::array; }
  /// The type of an array's elements; of another value its own.
  [[nodiscard]] gguf_type element_type() const noexcept { return element_; }
  /// The number of an array's elements, else 1.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// The bytes of the value as in the file, those of an array without its type and count.
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

  /// The value as a T: an integer of any type whose value T can hold, float32 or float64 as double, float32 as float,
  /// and bool and strings as themselves. A std::string_view lives as long as this. Nothing when it is something else.
  template <class T>
  [[nodiscard]] std::optional<T> as() const;

  /// The elements of an array, each as by `as`; nothing when this is no array or an element is something else.
  template <class T>
  [[nodiscard]] std::optional<std::vector<T>> as_array() const;

 private:
  template <class T>
  [[nodiscard]] static std::string bytes_of_one(const T& value) {
    std::string bytes;
    if constexpr (std::is_arithmetic_v<T>) {
      detail::append_number(bytes, value);
    } else {
      detail::append_text(bytes, value);
    }
    return bytes;
  }

  /// Calls `give(value)` with each element, or with the one value, in the C++ type of the element type.
  template <class Give>
  void visit(Give&& give) const;

  gguf_type type_;
  gguf_type element_;
  std::size_t count_ = 1;
  std::string bytes_;
};

namespace detail {

/// `value` as a T, in the sense of gguf_value::as.
template <class T, class U>
[[nodiscard]] std::optional<T> converted(U value) {
  if constexpr (std::same_as<T, U>) {
    return value;
  } else if constexpr (std::integral<T> && std::integral<U> && !std::same_as<T, bool> && !std::same_as<U, bool>) {
    return std::in_range<T>(value) ? std::optional{static_cast<T>(value)} : std::nullopt;
  } else if constexpr (std::same_as<T, double> && std::same_as<U, float>) {
    return static_cast<double>(value);
  } else if constexpr (std::same_as<T, std::string> && std::same_as<U, std::string_view>) {
    return std::string{value};
  } else {
    return std::nullopt;
  }
}

}  // namespace detail

template <class Give>
void gguf_value::visit(Give&& give) const {
  io::byte_reader reader{std::as_bytes(std::span{bytes_}), "GGUF metadata"};
  const auto each = [&]<class T>(std::type_identity<T>) {
    for (std::size_t i = 0; i < count_; ++i) give(detail::take_value<T>(reader));
  };
  switch (element_) {
    case gguf_type::u8:
      return each(std::type_identity<std::uint8_t>{});
    case gguf_type::i8:
      return each(std::type_identity<std::int8_t>{});
    case gguf_type::u16:
      return each(std::type_identity<std::uint16_t>{});
    case gguf_type::i16:
      return each(std::type_identity<std::int16_t>{});
    case gguf_type::u32:
      return each(std::type_identity<std::uint32_t>{});
    case gguf_type::i32:
      return each(std::type_identity<std::int32_t>{});
    case gguf_type::u64:
      return each(std::type_identity<std::uint64_t>{});
    case gguf_type::i64:
      return each(std::type_identity<std::int64_t>{});
    case gguf_type::f32:
      return each(std::type_identity<float>{});
    case gguf_type::f64:
      return each(std::type_identity<double>{});
    case gguf_type::boolean:
      return each(std::type_identity<bool>{});
    case gguf_type::string:
      return each(std::type_identity<std::string_view>{});
    case gguf_type::array:
      return;
  }
}

template <class T>
std::optional<T> gguf_value::as() const {
  std::optional<T> result;
  if (is_array()) return result;
  visit([&](auto value) { result = detail::converted<T>(value); });
  return result;
}

template <class T>
std::optional<std::vector<T>> gguf_value::as_array() const {
  if (!is_array() || element_ == gguf_type::array) return std::nullopt;
  std::vector<T> values;
  values.reserve(count_);
  visit([&](auto value) {
    if (auto element = detail::converted<T>(value)) values.push_back(std::move(*element));
  });
  return values.size() == count_ ? std::optional{std::move(values)} : std::nullopt;
}

/// What a value is, for messages: "uint32 7", "the string \"gpt2\"", "an array of 3 string".
[[nodiscard]] inline std::string describe(const gguf_value& value) {
  if (value.is_array())
    return "an array of " + std::to_string(value.size()) + " " + std::string{name(value.element_type())};
  if (const auto text = value.as<std::string_view>()) return "the string \"" + printable(*text, 60) + "\"";
  const std::string type = std::string{name(value.type())} + " ";
  if (const auto flag = value.as<bool>()) return type + (*flag ? "true" : "false");
  if (const auto integer = value.as<std::int64_t>()) return type + std::to_string(*integer);
  if (const auto integer = value.as<std::uint64_t>()) return type + std::to_string(*integer);
  return type + std::to_string(value.as<double>().value_or(0));
}

}  // namespace tulu::checkpoint
