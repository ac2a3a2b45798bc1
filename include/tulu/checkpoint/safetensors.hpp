#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/json.hpp>

namespace tulu::checkpoint {

/// The longest header, without the 8 bytes of its length, that the format allows.
inline constexpr std::size_t safetensors_max_header = 100'000'000;

/// The key of the header that is no tensor.
inline constexpr std::string_view safetensors_metadata_key = "__metadata__";

/// What the header of a safetensors file says. Every tensor lies inside the file, and together they cover it.
struct safetensors_contents {
  std::vector<stored_tensor> tensors;  ///< in the order of their data; empty ones that share a place by name
  std::map<std::string, std::string> metadata;
  std::size_t header_bytes = 0;  ///< the data start here: the 8 bytes of the length are counted
};

/// One tensor of a file to be written.
struct safetensors_entry {
  std::string name;
  dtype type;
  shape extents;
};

namespace detail {

/// An entry of the header. [begin, end) counts from the end of the header.
struct safetensors_record {
  std::string name;
  dtype type;
  shape extents;
  std::size_t begin;
  std::size_t end;
};

/// The JSON text of the header.
[[nodiscard]] inline std::string read_safetensors_header(const io::file& file) {
  const std::string name = file.path().string();
  const std::string head = io::read_head(file, 8);
  const auto length = io::byte_reader{std::as_bytes(std::span{head}), name}.take_number<std::uint64_t>();
  if (length > safetensors_max_header)
    throw mismatch_error(name, "",
                         "a safetensors header of at most " + std::to_string(safetensors_max_header) + " bytes",
                         std::to_string(length));
  const auto size = static_cast<std::size_t>(length);
  if (size > file.size() - 8)
    throw mismatch_error(name, "", "a header of " + std::to_string(size) + " bytes",
                         std::to_string(file.size() - 8) + " until the end of the file (truncated)");
  std::string text(size, '\0');
  file.read(8, std::as_writable_bytes(std::span{text}));
  if (!text.starts_with('{'))
    throw mismatch_error(name, "byte 8", "a header that begins with {", "\"" + printable(text.substr(0, 8)) + "\"");
  return text;
}

[[nodiscard]] inline std::map<std::string, std::string> parse_safetensors_metadata(const io::json& object,
                                                                                   std::string_view file) {
  if (!object.is_object())
    throw mismatch_error(file, safetensors_metadata_key, "an object of strings", io::describe(object));
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      throw mismatch_error(file, std::string{safetensors_metadata_key} + "." + printable(key), "a string",
                           io::describe(value));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

/// Checks one entry by itself; keys it does not know are ignored, as the reference does.
[[nodiscard]] inline safetensors_record parse_safetensors_record(const std::string& name, const io::json& entry,
                                                                 std::string_view file) {
  const std::string shown = printable(name);
  const auto bad = [&](std::string_view expected, std::string_view found) {
    return mismatch_error(file, shown, expected, found);
  };
  if (!entry.is_object()) throw bad("an object with dtype, shape and data_offsets", io::describe(entry));
  const std::string in_entry = std::string{file} + ": " + shown;
  const auto type_name = io::required<std::string>(entry, "dtype", in_entry);
  const auto type = dtype_from_safetensors(type_name);
  if (!type) throw bad("a known dtype", printable(type_name));
  shape extents{io::required<std::vector<std::size_t>>(entry, "shape", in_entry)};
  const auto offsets = io::required<std::vector<std::size_t>>(entry, "data_offsets", in_entry);
  if (offsets.size() != 2) throw bad("two data_offsets", std::to_string(offsets.size()));
  const auto [begin, end] = std::pair{offsets[0], offsets[1]};
  const std::string range = "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (begin > end) throw bad("data_offsets in ascending order", range);
  const auto count = extents.count();
  const auto bytes = count ? checked_mul(*count, size_of(*type)) : std::nullopt;
  if (!bytes) throw bad("a shape whose size in bytes fits 64 bits", printable(to_string(extents)));
  if (*bytes != end - begin)
    throw bad("data_offsets " + std::to_string(*bytes) + " apart for " + std::string{tulu::name(*type)} + " " +
                  printable(to_string(extents)),
              range);
  return {name, *type, std::move(extents), begin, end};
}

/// `records`, in the order of their data, cover [0, data_bytes) with neither holes nor overlaps.
inline void check_safetensors_cover(std::span<const safetensors_record> records, std::size_t data_bytes,
                                    std::string_view file) {
  std::size_t covered = 0;
  for (const safetensors_record& record : records) {
    if (record.begin != covered)
      throw mismatch_error(file, printable(record.name), "data that begin at " + std::to_string(covered),
                           std::to_string(record.begin) + (record.begin < covered ? " (an overlap)" : " (a hole)"));
    covered = record.end;
  }
  if (covered != data_bytes)
    throw mismatch_error(file, "", std::to_string(covered) + " bytes of data after the header",
                         std::to_string(data_bytes) + (data_bytes < covered ? " (truncated)" : " (trailing bytes)"));
}

}  // namespace detail

/// Reads and checks the header. Memory is bounded by the header, not by what it claims; no data are touched.
[[nodiscard]] inline safetensors_contents read_safetensors(const std::shared_ptr<const tensor_file>& source) {
  const std::string file = source->file().path().string();
  safetensors_contents contents;
  std::vector<detail::safetensors_record> records;
  {
    const std::string text = detail::read_safetensors_header(source->file());
    contents.header_bytes = 8 + text.size();
    const io::json header = io::parse_json(text, file);
    for (const auto& [key, value] : header.items()) {
      if (key == safetensors_metadata_key) {
        contents.metadata = detail::parse_safetensors_metadata(value, file);
      } else {
        records.push_back(detail::parse_safetensors_record(key, value, file));
      }
    }
  }
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  detail::check_safetensors_cover(records, source->file().size() - contents.header_bytes, file);
  contents.tensors.reserve(records.size());
  for (detail::safetensors_record& record : records) {
    storage_layout layout{.offset = contents.header_bytes + record.begin};
    layout.byte_swapped = std::endian::native != std::endian::little && size_of(record.type) > 1;
    contents.tensors.emplace_back(std::move(record.name), record.type, std::move(record.extents), source,
                                  std::move(layout));
  }
  return contents;
}

namespace detail {

/// `"__metadata__":{…}`.
[[nodiscard]] inline std::string format_safetensors_metadata(const std::map<std::string, std::string>& metadata) {
  std::string text = io::quote_json(safetensors_metadata_key);
  std::string_view separator = ":{";
  for (const auto& [key, value] : metadata)
    text.append(std::exchange(separator, ",")).append(io::quote_json(key)).append(":").append(io::quote_json(value));
  return text + '}';
}

/// `"name":{"dtype":…,"shape":[…],"data_offsets":[begin,end]}`.
[[nodiscard]] inline std::string format_safetensors_record(const safetensors_entry& entry, std::size_t begin,
                                                           std::size_t end) {
  std::string text = io::quote_json(entry.name);
  text.append(":{\"dtype\":\"").append(name(entry.type)).append("\",\"shape\":[");
  for (std::size_t axis = 0; axis < entry.extents.rank(); ++axis)
    text.append(axis == 0 ? "" : ",").append(std::to_string(entry.extents[axis]));
  return text + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

/// Where data that begin at `begin` end.
[[nodiscard]] inline std::size_t end_of_data(const safetensors_entry& entry, std::size_t begin) {
  const auto count = entry.extents.count();
  const auto bytes = count ? checked_mul(*count, size_of(entry.type)) : std::nullopt;
  const auto end = bytes ? checked_add(begin, *bytes) : std::nullopt;
  if (end) return *end;
  throw mismatch_error("safetensors header", printable(entry.name), "sizes that fit 64 bits", to_string(entry.extents));
}

}  // namespace detail

/// Everything of a safetensors file that comes before the data: its length and the header, padded with blanks so that
/// the data start at a multiple of `alignment`. The data follow in the order of `entries`, without gaps. The same
/// arguments give the same bytes.
[[nodiscard]] inline std::string format_safetensors_header(std::span<const safetensors_entry> entries,
                                                           const std::map<std::string, std::string>& metadata,
                                                           std::size_t alignment = 64) {
  constexpr std::string_view place = "safetensors header";
  std::string text(8, '\0');
  std::string_view separator = "{";
  if (!metadata.empty())
    text.append(std::exchange(separator, ",")).append(detail::format_safetensors_metadata(metadata));
  std::unordered_set<std::string_view> names{safetensors_metadata_key};
  std::size_t begin = 0;
  for (const safetensors_entry& entry : entries) {
    if (!names.insert(entry.name).second)
      throw mismatch_error(place, printable(entry.name), "a name of its own for each tensor", "the name again");
    const std::size_t end = detail::end_of_data(entry, begin);
    text.append(std::exchange(separator, ",")).append(detail::format_safetensors_record(entry, begin, end));
    begin = end;
  }
  text.append(separator == "{" ? "{}" : "}");
  text.append((alignment - text.size() % alignment) % alignment, ' ');
  const std::uint64_t length = text.size() - 8;
  if (length > safetensors_max_header)
    throw mismatch_error(place, "", "at most " + std::to_string(safetensors_max_header) + " bytes",
                         std::to_string(length));
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(length >> (8 * i) & 0xff);
  return text;
}

}  // namespace tulu::checkpoint
