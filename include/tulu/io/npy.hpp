#pragma once

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/atomic_file.hpp>
#include <tulu/io/byte_reader.hpp>
#include <tulu/io/file.hpp>

// NumPy's array files, format version 1.0 (numpy.lib.format): magic, version, length of the header, a Python dictionary
// as text, the elements.
namespace tulu::io {

namespace detail {

inline constexpr std::string_view npy_magic{"\x93NUMPY\x01\x00", 8};

/// Everything before the elements, filled up so that they begin at a multiple of 64.
[[nodiscard]] inline std::string format_npy_header(std::string_view type, std::span<const std::size_t> extents) {
  std::string tuple;
  for (const std::size_t extent : extents) tuple.append(std::to_string(extent)).append(", ");
  if (extents.size() > 1) tuple.resize(tuple.size() - 2);
  if (extents.size() == 1) tuple.pop_back();
  std::string text = "{'descr': '" + std::string{type} + "', 'fortran_order': False, 'shape': (" + tuple + "), }";
  constexpr std::size_t before = npy_magic.size() + 2, multiple = 64;
  text.append(multiple - 1 - (before + text.size()) % multiple, ' ').push_back('\n');
  std::string header{npy_magic};
  header.push_back(static_cast<char>(text.size() & 0xff));
  header.push_back(static_cast<char>(text.size() >> 8));
  return header + text;
}

}  // namespace detail

/// Writes an array of float32 ('<f4', C order) of these extents piece by piece: fill(write) calls
/// write(std::span<const float>) until all elements are written, in order. The file appears under its name only when it
/// is complete; whatever goes wrong, nothing of it is left.
template <class Fill>
void write_npy(const std::filesystem::path& target, std::span<const std::size_t> extents, Fill&& fill) {
  static_assert(std::endian::native == std::endian::little, "the bytes are handed over as they are");
  const auto count = checked_product(extents);
  if (!count || !checked_mul(*count, sizeof(float)))
    throw error{target.string() + ": more elements than a file can hold"};
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored))
    throw mismatch_error(target.string(), "", "a file to write", "a folder");
  if (target.has_parent_path() && !std::filesystem::is_directory(target.parent_path(), ignored))
    throw mismatch_error(target.string(), "", "a file to write", "no folder for it");
  try {
    detail::replace_atomically(target, [&](auto&& write_bytes) {
      const std::string header = detail::format_npy_header("<f4", extents);
      write_bytes(std::as_bytes(std::span{header}));
      std::size_t left = *count;
      fill([&](std::span<const float> elements) {
        if (elements.size() > left) throw error{target.string() + ": more elements than were announced"};
        left -= elements.size();
        write_bytes(std::as_bytes(elements));
      });
      if (left != 0) throw error{target.string() + ": fewer elements than were announced"};
    });
  } catch (...) {
    std::filesystem::remove(partial_path(target), ignored);
    throw;
  }
}

/// An array read from a file. The elements are what `read_npy` was asked for.
template <class Element>
struct npy_array {
  std::vector<std::size_t> extents{};
  std::vector<Element> elements{};
};

namespace detail {

/// The fields of a header's dictionary, which must be as numpy.save writes it: keys in quotes, each once.
class npy_header {
 public:
  npy_header(std::string_view text, std::string_view file) : text_{text}, file_{file} {}

  [[nodiscard]] std::string_view quoted(std::string_view key) const {
    const std::string_view at = after(key);
    const std::size_t end = at.find('\'', 1);
    if (at.empty() || at[0] != '\'' || end == at.npos) throw wrong(key, "a text in quotes");
    return at.substr(1, end - 1);
  }
  [[nodiscard]] bool flag(std::string_view key) const {
    if (after(key).starts_with("False")) return false;
    if (!after(key).starts_with("True")) throw wrong(key, "True or False");
    return true;
  }
  [[nodiscard]] std::vector<std::size_t> tuple(std::string_view key) const {
    std::string_view at = after(key);
    const std::size_t end = at.find(')');
    if (at.empty() || at[0] != '(' || end == at.npos) throw wrong(key, "a tuple");
    at = at.substr(1, end - 1);
    std::vector<std::size_t> numbers;
    while (skip_blanks(at), !at.empty()) {
      std::size_t number = 0;
      const auto [stop, failure] = std::from_chars(at.data(), at.data() + at.size(), number);
      if (failure != std::errc{}) throw wrong(key, "a tuple of numbers");
      numbers.push_back(number);
      at.remove_prefix(static_cast<std::size_t>(stop - at.data()));
      skip_blanks(at);
      if (!at.empty() && at[0] != ',') throw wrong(key, "a tuple of numbers");
      if (!at.empty()) at.remove_prefix(1);
    }
    return numbers;
  }

 private:
  static void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  [[nodiscard]] std::string_view after(std::string_view key) const {
    const std::string quoted_key = "'" + std::string{key} + "':";
    const std::size_t found = text_.find(quoted_key);
    if (found == text_.npos) throw wrong(key, "the key");
    std::string_view rest = text_.substr(found + quoted_key.size());
    skip_blanks(rest);
    return rest;
  }
  [[nodiscard]] error wrong(std::string_view key, std::string_view expected) const {
    return mismatch_error(file_, key, expected, printable(text_));
  }

  std::string_view text_, file_;
};

template <class Element>
[[nodiscard]] constexpr std::string_view npy_type() noexcept {
  static_assert(std::is_same_v<Element, float> || std::is_same_v<Element, std::int32_t> ||
                std::is_same_v<Element, std::int64_t>);
  if constexpr (std::is_same_v<Element, float>) return "<f4";
  return sizeof(Element) == 4 ? "<i4" : "<i8";
}

}  // namespace detail

/// Reads an array of Element (float, std::int32_t or std::int64_t), little-endian and in C order, of format 1.0. Throws
/// for anything else and for a file that is not exactly as long as its header says.
template <class Element>
[[nodiscard]] npy_array<Element> read_npy(const std::filesystem::path& path) {
  const file source{path};
  const std::string name = path.string();
  std::vector<std::byte> bytes(source.size());
  source.read(0, bytes);
  byte_reader reader{bytes, name};
  if (const auto magic = reader.take_text(detail::npy_magic.size()); magic != detail::npy_magic)
    throw mismatch_error(name, "", "a .npy file of version 1.0", "\"" + printable(magic) + "\"");
  const detail::npy_header header{reader.take_text(reader.take_number<std::uint16_t>()), name};
  if (const auto type = header.quoted("descr"); type != detail::npy_type<Element>())
    throw mismatch_error(name, "descr", detail::npy_type<Element>(), printable(type));
  if (header.flag("fortran_order")) throw mismatch_error(name, "fortran_order", "False", "True");
  npy_array<Element> array{header.tuple("shape"), {}};
  const auto count = checked_product(array.extents);
  const auto size = count ? checked_mul(*count, sizeof(Element)) : count;
  if (!size || *size != reader.remaining())
    throw mismatch_error(name, "shape", std::to_string(reader.remaining()) + " bytes of elements",
                         size ? std::to_string(*size) : std::string{"a shape that no file has"});
  array.elements.resize(*count);
  if (*count != 0) std::memcpy(array.elements.data(), reader.take(*size).data(), *size);
  return array;
}

}  // namespace tulu::io
