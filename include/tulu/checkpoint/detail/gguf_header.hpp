#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <tulu/checkpoint/ggml_type.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::checkpoint {

inline constexpr std::string_view gguf_magic = "GGUF";

/// The key of the alignment of the data, and what it is without the key.
inline constexpr std::string_view gguf_alignment_key = "general.alignment";
inline constexpr std::size_t gguf_default_alignment = 32;
inline constexpr std::size_t gguf_largest_alignment = 65536;

namespace detail {

/// What a GGUF file says of one tensor. The extents are in row-major order, the reverse of the file's.
struct gguf_tensor_info {
  std::string name;
  dtype type;
  shape extents;
  std::size_t offset;  ///< from the start of the data
  std::size_t bytes;
};

struct gguf_header {
  gguf_metadata metadata;
  std::vector<gguf_tensor_info> tensors;
  std::size_t data_start;  ///< in the file
  std::size_t alignment;
};

/// `size` rounded up to a multiple of `alignment`, a power of two, or nothing when it does not fit.
[[nodiscard]] constexpr std::optional<std::size_t> padded(std::size_t size, std::size_t alignment) noexcept {
  const auto end = checked_add(size, alignment - 1);
  return end ? std::optional{*end & ~(alignment - 1)} : std::nullopt;
}

/// The alignment that the metadata ask for.
[[nodiscard]] inline std::size_t gguf_alignment(const gguf_metadata& metadata) {
  const auto found = metadata.get<std::uint32_t>(gguf_alignment_key);
  if (found && (!std::has_single_bit(*found) || *found > gguf_largest_alignment))
    throw metadata.mismatch(gguf_alignment_key, "a power of two up to " + std::to_string(gguf_largest_alignment),
                            std::to_string(*found));
  return found ? *found : gguf_default_alignment;
}

/// Reads the header of one GGUF file (https://github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3,
/// little-endian. Every number is checked against the bytes that are left before it is used.
class gguf_header_reader {
 public:
  gguf_header_reader(std::span<const std::byte> file, std::string_view path)
      : path_{path}, size_{file.size()}, reader_{file, path} {}

  [[nodiscard]] gguf_header read() {
    const auto [tensor_count, entry_count] = read_start();
    std::vector<gguf_entry> entries = read_entries(entry_count);
    gguf_metadata metadata{std::string{path_}, std::move(entries)};
    const std::size_t alignment = gguf_alignment(metadata);
    std::vector<gguf_tensor_info> tensors = read_infos(tensor_count);
    check_names(tensors);
    const auto start = padded(reader_.position(), alignment);
    check_data(tensors, start.value_or(size_), alignment);
    return {std::move(metadata), std::move(tensors), start.value_or(size_), alignment};
  }

 private:
  static constexpr std::size_t least_entry = 8 + 4 + 1;     ///< bytes of a key, type and value
  static constexpr std::size_t least_info = 8 + 4 + 4 + 8;  ///< bytes of a name, rank, type and offset
  static constexpr std::size_t most_axes = 4;
  static constexpr std::size_t deepest = 8;  ///< arrays of arrays

  struct counts {
    std::size_t tensors, entries;
  };

  [[nodiscard]] error bad(std::string_view place, std::string_view expected, std::string_view found) const {
    return mismatch_error(path_, place, expected, found);
  }
  [[nodiscard]] std::string left() const { return std::to_string(reader_.remaining()) + " bytes left"; }

  [[nodiscard]] counts read_start() {
    if (size_ < 24) throw bad("", "a GGUF header of at least 24 bytes", std::to_string(size_) + " bytes (truncated)");
    if (reader_.take_text(gguf_magic.size()) != gguf_magic) throw bad("byte 0", "GGUF", "something else");
    const auto version = reader_.take_number<std::uint32_t>();
    if (version == 0x02000000 || version == 0x03000000)
      throw bad("version", "a little-endian file", "a big-endian one: it is not supported");
    if (version != 2 && version != 3) throw bad("version", "GGUF version 2 or 3", std::to_string(version));
    const std::size_t tensors = take_count("tensor count", least_info);
    return {tensors, take_count("metadata count", least_entry)};
  }

  /// A number of things that take at least `least` bytes each, which the rest of the file can hold.
  [[nodiscard]] std::size_t take_count(std::string_view place, std::size_t least) {
    const auto count = reader_.take_number<std::uint64_t>();
    if (count > reader_.remaining() / least)
      throw bad(place, "a number of entries that the file can hold", std::to_string(count) + " with " + left());
    return static_cast<std::size_t>(count);
  }

  [[nodiscard]] std::string_view take_text(std::string_view place) {
    need(place, 8);
    const auto length = reader_.take_number<std::uint64_t>();
    if (length > reader_.remaining())
      throw bad(place, "a string inside the file", "a length of " + std::to_string(length) + " with " + left());
    return reader_.take_text(static_cast<std::size_t>(length));
  }

  void need(std::string_view place, std::size_t bytes) const {
    if (bytes > reader_.remaining()) throw bad(place, std::to_string(bytes) + " more bytes", left() + " (truncated)");
  }

  [[nodiscard]] gguf_type take_type(std::string_view place) {
    need(place, 4);
    const auto number = reader_.take_number<std::uint32_t>();
    if (number >= gguf_type_count)
      throw bad(place, "a metadata type from 0 to " + std::to_string(gguf_type_count - 1), std::to_string(number));
    return static_cast<gguf_type>(number);
  }

  [[nodiscard]] std::vector<gguf_entry> read_entries(std::size_t count) {
    std::vector<gguf_entry> entries;
    for (std::size_t i = 0; i < count; ++i) {
      std::string key{take_text("key of metadata entry " + std::to_string(i))};
      if (key.empty()) throw bad("metadata entry " + std::to_string(i), "a key", "an empty one");
      const std::string place = printable(key);
      const gguf_type type = take_type(place);
      gguf_value value = type == gguf_type::array ? read_array(place) : read_one(type, place);
      entries.push_back({std::move(key), std::move(value)});
    }
    return entries;
  }

  [[nodiscard]] gguf_value read_one(gguf_type type, std::string_view place) {
    const auto rest = reader_;
    skip_one(type, place);
    return {type, since(rest)};
  }

  [[nodiscard]] gguf_value read_array(std::string_view place) {
    const gguf_type element = take_type(place);
    const std::size_t count = take_array_count(element, place);
    const auto rest = reader_;
    skip_elements(element, count, place, 1);
    return {element, count, since(rest)};
  }

  /// The bytes from where `earlier` stands to here.
  [[nodiscard]] std::string since(io::byte_reader earlier) const {
    return std::string{earlier.take_text(reader_.position() - earlier.position())};
  }

  [[nodiscard]] std::size_t take_array_count(gguf_type element, std::string_view place) {
    need(place, 8);
    const auto count = reader_.take_number<std::uint64_t>();
    const std::size_t least = element == gguf_type::array ? 12 : element == gguf_type::string ? 8 : size_of(element);
    if (count > reader_.remaining() / least)
      throw bad(place, "an array that the file can hold",
                std::to_string(count) + " elements of " + std::string{name(element)} + " with " + left());
    return static_cast<std::size_t>(count);
  }

  void skip_elements(gguf_type element, std::size_t count, std::string_view place, std::size_t depth) {
    if (element == gguf_type::array && depth >= deepest)
      throw bad(place, "arrays at most " + std::to_string(deepest) + " deep", "deeper ones");
    if (element != gguf_type::array && element != gguf_type::string && element != gguf_type::boolean) {
      static_cast<void>(reader_.take(count * size_of(element)));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (element == gguf_type::array) {
        const gguf_type inner = take_type(place);
        skip_elements(inner, take_array_count(inner, place), place, depth + 1);
      } else {
        skip_one(element, place);
      }
    }
  }

  /// Steps over a value that is no array.
  void skip_one(gguf_type type, std::string_view place) {
    if (type == gguf_type::string) return static_cast<void>(take_text(place));
    need(place, size_of(type));
    const auto bytes = reader_.take(size_of(type));
    if (type == gguf_type::boolean && std::to_integer<unsigned>(bytes[0]) > 1)
      throw bad(place, "a bool of 0 or 1", std::to_string(std::to_integer<unsigned>(bytes[0])));
  }

  [[nodiscard]] std::vector<gguf_tensor_info> read_infos(std::size_t count) {
    std::vector<gguf_tensor_info> tensors;
    for (std::size_t i = 0; i < count; ++i) tensors.push_back(read_info(i));
    return tensors;
  }

  [[nodiscard]] gguf_tensor_info read_info(std::size_t index) {
    std::string name{take_text("name of tensor " + std::to_string(index))};
    const std::string place = name.empty() ? "tensor " + std::to_string(index) : printable(name);
    if (name.empty()) throw bad(place, "a name", "an empty one");
    shape extents = read_extents(place);
    need(place, 12);
    const auto number = reader_.take_number<std::uint32_t>();
    const auto type = dtype_from_ggml(number);
    if (!type)
      throw bad(place, "a type of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K or IQ4_NL",
                describe_ggml_type(number) + ": it is not supported");
    const auto offset = static_cast<std::size_t>(reader_.take_number<std::uint64_t>());
    const std::size_t bytes = checked_bytes(place, *type, extents);
    return {std::move(name), *type, std::move(extents), offset, bytes};
  }

  [[nodiscard]] shape read_extents(std::string_view place) {
    need(place, 4);
    const auto rank = reader_.take_number<std::uint32_t>();
    if (rank > most_axes)
      throw bad(place, "at most " + std::to_string(most_axes) + " dimensions", std::to_string(rank));
    need(place, std::size_t{8} * rank);
    std::vector<std::size_t> extents(rank);
    for (std::size_t& extent : extents) extent = static_cast<std::size_t>(reader_.take_number<std::uint64_t>());
    std::reverse(extents.begin(), extents.end());
    return shape{std::move(extents)};
  }

  [[nodiscard]] std::size_t checked_bytes(std::string_view place, dtype type, const shape& extents) const {
    const std::size_t row = extents.rank() == 0 ? 1 : extents[extents.rank() - 1];
    if (row % block_of(type) != 0)
      throw bad(
          place,
          "rows of whole blocks, " + std::to_string(block_of(type)) + " elements of " + std::string{tulu::name(type)},
          "rows of " + std::to_string(row));
    const auto count = extents.count();
    const auto bytes = count ? checked_mul(*count / block_of(type), traits(type).bytes) : std::nullopt;
    if (!bytes) throw bad(place, "a size in bytes that fits 64 bits", printable(to_string(extents)));
    return *bytes;
  }

  void check_names(const std::vector<gguf_tensor_info>& tensors) const {
    std::unordered_set<std::string_view> names;
    for (const gguf_tensor_info& tensor : tensors)
      if (!names.insert(tensor.name).second) throw bad(printable(tensor.name), "each tensor once", "it again");
  }

  /// The data of the tensors follow each other in their order, each padded to the alignment, as ggml demands; they and
  /// the last one's padding end the file.
  void check_data(const std::vector<gguf_tensor_info>& tensors, std::size_t start, std::size_t alignment) const {
    const std::size_t available = size_ > start ? size_ - start : 0;
    std::size_t end = 0;
    for (const gguf_tensor_info& tensor : tensors) {
      const std::string place = printable(tensor.name);
      const auto begin = padded(end, alignment);
      if (!begin || tensor.offset != *begin)
        throw bad(place,
                  "data that begin at offset " + std::to_string(begin.value_or(end)) + ", after the tensor before",
                  std::to_string(tensor.offset));
      if (tensor.offset > available || tensor.bytes > available - tensor.offset)
        throw bad(place, std::to_string(tensor.bytes) + " bytes of data at offset " + std::to_string(tensor.offset),
                  std::to_string(available) + " bytes of data in the file (truncated)");
      end = tensor.offset + tensor.bytes;
    }
    const auto padded_end = padded(end, alignment);
    if (padded_end && available > *padded_end)
      throw bad("", std::to_string(*padded_end) + " bytes of data after the header",
                std::to_string(available) + " (trailing bytes)");
  }

  std::string_view path_;
  std::size_t size_;
  io::byte_reader reader_;
};

}  // namespace detail
}  // namespace tulu::checkpoint
