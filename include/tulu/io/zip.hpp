#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>
#include <tulu/io/file.hpp>

namespace tulu::io {

/// One stored file of a zip archive: its bytes are [offset, offset + size) of the archive.
struct zip_entry {
  std::string name;
  std::size_t offset = 0;
  std::size_t size = 0;
};

namespace detail {

/// Reads the directory and the local headers of a zip archive, and checks them.
class zip_reader {
 public:
  explicit zip_reader(const file& source) : path_{source.path().string()}, source_{source} {}

  [[nodiscard]] std::vector<zip_entry> read() {
    read_directory(find_directory());
    check_overlaps();
    return std::move(entries_);
  }

 private:
  static constexpr std::uint32_t end_signature = 0x06054b50;
  static constexpr std::uint32_t end64_signature = 0x06064b50;
  static constexpr std::uint32_t locator_signature = 0x07064b50;
  static constexpr std::uint32_t central_signature = 0x02014b50;
  static constexpr std::uint32_t local_signature = 0x04034b50;
  static constexpr std::size_t end_bytes = 22;
  static constexpr std::size_t end64_bytes = 56;
  static constexpr std::size_t locator_bytes = 20;
  static constexpr std::size_t central_bytes = 46;
  static constexpr std::size_t local_bytes = 30;
  static constexpr std::size_t longest_comment = 65535;
  static constexpr std::size_t largest_directory = std::size_t{64} << 20;
  static constexpr std::uint32_t in_zip64 = 0xffffffff;
  static constexpr std::uint16_t encrypted_bits = 1U << 0 | 1U << 6 | 1U << 13;
  static constexpr std::uint16_t sizes_follow_bit = 1U << 3;

  struct directory {
    std::size_t offset, bytes, count;
    std::size_t limit;  ///< of the first end record
  };

  struct extent {
    std::size_t begin, end, entry;
  };

  [[noreturn]] void refuse(std::string_view place, std::string_view expected, std::string_view found) const {
    throw mismatch_error(path_, place, expected, found);
  }

  [[nodiscard]] std::vector<std::byte> bytes_at(std::size_t offset, std::size_t count, std::string_view what) const {
    if (offset > source_.size() || count > source_.size() - offset)
      refuse(what, std::to_string(count) + " bytes inside the file of " + std::to_string(source_.size()) + " bytes",
             "byte offset " + std::to_string(offset));
    std::vector<std::byte> out(count);
    source_.read(offset, out);
    return out;
  }

  [[nodiscard]] std::size_t find_end() const {
    const std::size_t window = std::min(source_.size(), longest_comment + end_bytes);
    const std::size_t start = source_.size() - window;
    const auto tail = bytes_at(start, window, "zip end record");
    for (std::size_t left = end_bytes; left <= window; ++left) {
      byte_reader reader{std::span{tail}.last(left), path_};
      if (reader.take_number<std::uint32_t>() != end_signature) continue;
      static_cast<void>(reader.take(end_bytes - 6));
      if (reader.take_number<std::uint16_t>() == left - end_bytes) return source_.size() - left;
    }
    refuse("", "a zip archive that ends in its end record", "none (the file is cut off or has trailing bytes)");
  }

  /// Reads the end record and, where there is one, the zip64 end record in front of it.
  [[nodiscard]] directory find_directory() const {
    const std::size_t end = find_end();
    const auto raw = bytes_at(end, end_bytes, "zip end record");
    byte_reader reader{raw, path_};
    static_cast<void>(reader.take(4));
    const auto disk = reader.take_number<std::uint16_t>();
    const auto first_disk = reader.take_number<std::uint16_t>();
    const auto count_here = reader.take_number<std::uint16_t>();
    const auto count = reader.take_number<std::uint16_t>();
    const auto bytes = reader.take_number<std::uint32_t>();
    const auto offset = reader.take_number<std::uint32_t>();
    const auto wide = find_directory64(end);
    const bool one_disk =
        (disk == 0 || (wide && disk == 0xffff)) && (first_disk == 0 || (wide && first_disk == 0xffff));
    if (!one_disk || count != count_here) refuse("zip end record", "an archive on one disk", "a part of several");
    if (!wide) return checked({offset, bytes, count, end});
    const bool agrees = (count == 0xffff || count == wide->count) && (bytes == in_zip64 || bytes == wide->bytes) &&
                        (offset == in_zip64 || offset == wide->offset);
    if (!agrees) refuse("zip end record", "the numbers of the zip64 end record", "others");
    return checked(*wide);
  }

  [[nodiscard]] std::optional<directory> find_directory64(std::size_t end) const {
    if (end < locator_bytes) return std::nullopt;
    const auto raw_locator = bytes_at(end - locator_bytes, locator_bytes, "zip64 locator");
    byte_reader locator{raw_locator, path_};
    if (locator.take_number<std::uint32_t>() != locator_signature) return std::nullopt;
    const auto disk = locator.take_number<std::uint32_t>();
    const auto at = locator.take_number<std::uint64_t>();
    if (disk != 0 || locator.take_number<std::uint32_t>() > 1)
      refuse("zip64 locator", "an archive on one disk", "a part of several");
    if (end - locator_bytes < end64_bytes || at > end - locator_bytes - end64_bytes)
      refuse("zip64 locator", "an offset in front of byte " + std::to_string(end), std::to_string(at));
    const auto raw = bytes_at(at, end64_bytes, "zip64 end record");
    byte_reader reader{raw, path_};
    if (reader.take_number<std::uint32_t>() != end64_signature)
      refuse("byte " + std::to_string(at), "a zip64 end record", "another signature");
    static_cast<void>(reader.take(12));
    const auto disks = reader.take_number<std::uint64_t>();
    const auto count_here = reader.take_number<std::uint64_t>();
    const auto count = reader.take_number<std::uint64_t>();
    const auto bytes = reader.take_number<std::uint64_t>();
    const auto offset = reader.take_number<std::uint64_t>();
    if (disks != 0 || count != count_here) refuse("zip64 end record", "an archive on one disk", "a part of several");
    return directory{offset, bytes, count, at};
  }

  [[nodiscard]] directory checked(directory found) const {
    const auto end = checked_add(found.offset, found.bytes);
    if (!end || *end > found.limit)
      refuse("zip directory", "an end at or before byte " + std::to_string(found.limit),
             std::to_string(found.bytes) + " bytes from byte " + std::to_string(found.offset));
    if (found.bytes > largest_directory)
      refuse("zip directory", "at most " + std::to_string(largest_directory) + " bytes", std::to_string(found.bytes));
    if (found.count > found.bytes / central_bytes)
      refuse("zip directory", "a count of entries that fits " + std::to_string(found.bytes) + " bytes",
             std::to_string(found.count));
    return found;
  }

  void read_directory(const directory& where) {
    const auto raw = bytes_at(where.offset, where.bytes, "zip directory");
    byte_reader reader{raw, path_};
    entries_.reserve(where.count);
    extents_.reserve(where.count);
    for (std::size_t i = 0; i < where.count; ++i) read_central(reader, where);
    if (!reader.at_end())
      refuse("zip directory", "nothing after its " + std::to_string(where.count) + " entries",
             std::to_string(reader.remaining()) + " bytes");
  }

  void read_central(byte_reader& reader, const directory& where) {
    const std::string place = "zip directory byte " + std::to_string(where.offset + reader.position());
    if (reader.take_number<std::uint32_t>() != central_signature) refuse(place, "an entry", "another signature");
    static_cast<void>(reader.take(4));
    const auto flags = reader.take_number<std::uint16_t>();
    const auto method = reader.take_number<std::uint16_t>();
    static_cast<void>(reader.take(8));
    std::uint64_t packed = reader.take_number<std::uint32_t>();
    std::uint64_t size = reader.take_number<std::uint32_t>();
    const auto name_bytes = reader.take_number<std::uint16_t>();
    const auto extra_bytes = reader.take_number<std::uint16_t>();
    const auto comment_bytes = reader.take_number<std::uint16_t>();
    const auto disk = reader.take_number<std::uint16_t>();
    static_cast<void>(reader.take(6));
    std::uint64_t header = reader.take_number<std::uint32_t>();
    const std::string name{reader.take_text(name_bytes)};
    const auto extra = reader.take(extra_bytes);
    static_cast<void>(reader.take(comment_bytes));
    const std::string shown = "entry " + printable(name);
    widen(extra, {&size, &packed, &header}, shown);
    if ((flags & encrypted_bits) != 0) refuse(shown, "a plain entry", "an encrypted one");
    if (method != 0 || packed != size)
      refuse(shown, "a stored entry", "a compressed one (method " + std::to_string(method) + ")");
    if (disk != 0) refuse(shown, "an archive on one disk", "disk " + std::to_string(disk));
    if (name.empty() || name.find('\0') != std::string::npos) refuse(place, "a name without NUL", shown);
    const std::size_t begin = read_local(name, size, header, where, shown);
    extents_.push_back({header, begin + size, entries_.size()});
    entries_.push_back({name, begin, size});
  }

  /// Replaces those of `numbers` that say so by their value in the zip64 part of `extra`, in this order.
  void widen(std::span<const std::byte> extra, std::initializer_list<std::uint64_t*> numbers,
             std::string_view place) const {
    std::optional<byte_reader> wide = zip64_part(extra);
    for (std::uint64_t* const number : numbers) {
      if (*number != in_zip64) continue;
      if (!wide || wide->remaining() < sizeof(std::uint64_t)) refuse(place, "a zip64 field", "none");
      *number = wide->take_number<std::uint64_t>();
    }
  }

  [[nodiscard]] std::optional<byte_reader> zip64_part(std::span<const std::byte> extra) const {
    byte_reader reader{extra, path_};
    while (reader.remaining() >= 4) {
      const auto id = reader.take_number<std::uint16_t>();
      const auto bytes = reader.take_number<std::uint16_t>();
      const auto part = reader.take(std::min<std::size_t>(bytes, reader.remaining()));
      if (id == 1) return byte_reader{part, path_};
    }
    return std::nullopt;
  }

  /// Checks the local header at byte `header` against the directory; returns where the data begins.
  [[nodiscard]] std::size_t read_local(std::string_view name, std::uint64_t size, std::uint64_t header,
                                       const directory& where, std::string_view shown) const {
    const auto fixed = checked_add(header, local_bytes + name.size());
    if (!fixed || *fixed > where.offset)
      refuse(shown, "a local header in front of the directory", "byte offset " + std::to_string(header));
    const auto raw = bytes_at(header, local_bytes + name.size(), shown);
    byte_reader reader{raw, path_};
    if (reader.take_number<std::uint32_t>() != local_signature)
      refuse(shown, "a local header at byte " + std::to_string(header), "another signature");
    static_cast<void>(reader.take(2));
    const auto flags = reader.take_number<std::uint16_t>();
    const auto method = reader.take_number<std::uint16_t>();
    static_cast<void>(reader.take(8));
    const std::uint64_t packed = reader.take_number<std::uint32_t>();
    const std::uint64_t local_size = reader.take_number<std::uint32_t>();
    const auto name_bytes = reader.take_number<std::uint16_t>();
    const auto extra_bytes = reader.take_number<std::uint16_t>();
    if (method != 0 || (flags & encrypted_bits) != 0 || name_bytes != name.size() ||
        reader.take_text(name.size()) != name)
      refuse(shown, "a local header that says what the directory says", "another name or method");
    const auto begin = checked_add(*fixed, extra_bytes);
    const auto end = begin ? checked_add(*begin, size) : std::nullopt;
    if (!end || *end > where.offset)
      refuse(shown, "data in front of the directory at byte " + std::to_string(where.offset),
             std::to_string(size) + " bytes from byte " + std::to_string(*fixed + extra_bytes));
    check_local_sizes(bytes_at(*fixed, extra_bytes, shown), local_size, packed, size, flags, shown);
    return *begin;
  }

  /// An entry written in one go has its sizes after its data and, mostly, zeros in the local header.
  void check_local_sizes(std::span<const std::byte> extra, std::uint64_t local_size, std::uint64_t packed,
                         std::uint64_t size, std::uint16_t flags, std::string_view shown) const {
    if ((flags & sizes_follow_bit) != 0 && local_size == 0 && packed == 0) return;
    widen(extra, {&local_size, &packed}, shown);
    if ((flags & sizes_follow_bit) != 0 && local_size == 0 && packed == 0) return;
    if (local_size != size || packed != size)
      refuse(shown, "a local header of " + std::to_string(size) + " bytes", std::to_string(local_size));
  }

  void check_overlaps() {
    std::sort(extents_.begin(), extents_.end(), [](const extent& a, const extent& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < extents_.size(); ++i)
      if (extents_[i].begin < extents_[i - 1].end)
        refuse("entry " + printable(entries_[extents_[i].entry].name), "bytes of its own",
               "bytes shared with entry " + printable(entries_[extents_[i - 1].entry].name));
  }

  std::string path_;
  const file& source_;
  std::vector<zip_entry> entries_;
  std::vector<extent> extents_;
};

}  // namespace detail

/// The directory of a zip archive (zip64 included) whose entries are all stored without compression. Only the directory
/// and the local headers are read. Guaranteed afterwards: names are unique and free of NUL, and the entries lie inside
/// the file, in front of the directory, without overlap. Checksums are not verified.
class zip_archive {
 public:
  explicit zip_archive(const file& source) : entries_{detail::zip_reader{source}.read()}, by_name_(entries_.size()) {
    std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
    std::sort(by_name_.begin(), by_name_.end(),
              [this](std::size_t a, std::size_t b) { return entries_[a].name < entries_[b].name; });
    for (std::size_t i = 1; i < by_name_.size(); ++i)
      if (const std::string& name = entries_[by_name_[i]].name; name == entries_[by_name_[i - 1]].name)
        throw mismatch_error(source.path().string(), "entry " + printable(name), "one entry of that name", "two");
  }

  /// In the order of the directory.
  [[nodiscard]] std::span<const zip_entry> entries() const noexcept { return entries_; }

  /// The entry of that name, or null.
  [[nodiscard]] const zip_entry* find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [this](std::size_t i, std::string_view n) { return entries_[i].name < n; });
    return at != by_name_.end() && entries_[*at].name == name ? &entries_[*at] : nullptr;
  }

 private:
  std::vector<zip_entry> entries_;
  std::vector<std::size_t> by_name_;
};

}  // namespace tulu::io
