#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/pickle.hpp>
#include <tulu/checkpoint/detail/state_dict.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>
#include <tulu/io/mapped_file.hpp>
#include <tulu/io/stand_in.hpp>
#include <tulu/io/zip.hpp>

namespace tulu::checkpoint {

namespace detail {

inline constexpr std::size_t largest_pickle = std::size_t{256} << 20;

[[nodiscard]] inline bool is_zip(std::string_view head) noexcept {
  return head.starts_with("PK\3\4");
}

[[nodiscard]] inline bool is_pickle(std::string_view head) noexcept {
  return head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

/// The layout of PyTorch before 0.1.9 is a tar archive.
[[nodiscard]] inline bool is_tar(std::string_view head) noexcept {
  return head.size() >= 262 && head.substr(257, 5) == "ustar";
}

/// What torch.save has written since 1.6: a zip archive of TOP/data.pkl and, for each storage, TOP/data/KEY.
class zip_checkpoint {
 public:
  explicit zip_checkpoint(std::shared_ptr<const tensor_file> source)
      : source_{std::move(source)}, path_{source_->file().path().string()}, archive_{source_->file()} {}

  [[nodiscard]] std::vector<stored_tensor> read() const {
    const io::zip_entry& entry = data_pickle();
    const std::string top = entry.name.substr(0, entry.name.find('/') + 1);
    if (archive_.find(top + "constants.pkl") != nullptr)
      throw mismatch_error(path_, "", "a checkpoint of torch.save", "a TorchScript archive");
    const std::vector<std::byte> bytes = read_entry(entry, largest_pickle);
    const std::string label = path_ + ": " + printable(entry.name);
    io::byte_reader reader{bytes, label};
    const pickled objects = unpickler::read(reader, label);
    if (!reader.at_end())
      throw mismatch_error(label, "byte " + std::to_string(reader.position()), "the end", "more bytes");
    std::vector<std::size_t> offsets;
    for (const storage_record& storage : objects.storages) offsets.push_back(find_storage(top, storage));
    return state_dict_reader{objects, offsets, source_, byte_order(top)}.read();
  }

 private:
  [[nodiscard]] const io::zip_entry& data_pickle() const {
    const io::zip_entry* found = nullptr;
    for (const io::zip_entry& entry : archive_.entries()) {
      const std::size_t slash = entry.name.find('/');
      if (slash == std::string::npos || std::string_view{entry.name}.substr(slash) != "/data.pkl") continue;
      if (found != nullptr) throw mismatch_error(path_, "", "one data.pkl", "two");
      found = &entry;
    }
    if (found == nullptr)
      throw mismatch_error(path_, "", "a PyTorch checkpoint", "a zip archive without data.pkl in its top folder");
    return *found;
  }

  [[nodiscard]] std::vector<std::byte> read_entry(const io::zip_entry& entry, std::size_t most) const {
    if (entry.size > most)
      throw mismatch_error(path_, printable(entry.name), "at most " + std::to_string(most) + " bytes",
                           std::to_string(entry.size));
    std::vector<std::byte> bytes(entry.size);
    source_->file().read(entry.offset, bytes);
    return bytes;
  }

  [[nodiscard]] std::size_t find_storage(const std::string& top, const storage_record& storage) const {
    const std::string name = top + "data/" + std::string{storage.key};
    const io::zip_entry* const entry = archive_.find(name);
    if (entry == nullptr) throw mismatch_error(path_, "", "an entry " + printable(name), "none");
    if (const std::size_t bytes = storage.count * size_of(storage.type); entry->size != bytes)
      throw mismatch_error(path_, printable(name), std::to_string(bytes) + " bytes", std::to_string(entry->size));
    return entry->offset;
  }

  /// An archive that does not say is little-endian, as PyTorch reads it.
  [[nodiscard]] std::endian byte_order(const std::string& top) const {
    const io::zip_entry* const entry = archive_.find(top + "byteorder");
    if (entry == nullptr) return std::endian::little;
    const std::vector<std::byte> bytes = read_entry(*entry, 16);
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    if (text == "little") return std::endian::little;
    if (text == "big") return std::endian::big;
    throw mismatch_error(path_, printable(entry->name), "little or big", "'" + printable(text) + "'");
  }

  std::shared_ptr<const tensor_file> source_;
  std::string path_;
  io::zip_archive archive_;
};

/// What torch.save wrote before 1.6: five pickles (a magic number, a version, facts of the system, the object, the
/// storage keys), then each storage as a count and its elements. These are little-endian whatever the system facts
/// say: they describe the writer, which converted.
class legacy_checkpoint {
 public:
  explicit legacy_checkpoint(std::shared_ptr<const tensor_file> source)
      : source_{std::move(source)}, path_{source_->file().path().string()} {}

  [[nodiscard]] std::vector<stored_tensor> read() const {
    const io::mapped_file map{source_->file()};
    const auto bytes = map.bytes().first(std::min(map.bytes().size(), largest_pickle));
    io::byte_reader reader{bytes, path_};
    check_preamble(reader);
    const pickled objects = unpickler::read(reader, path_);
    const pickled keys = unpickler::read(reader, path_);
    const std::vector<std::size_t> offsets = find_storages(objects, keys, reader.position());
    return state_dict_reader{objects, offsets, source_, std::endian::little}.read();
  }

 private:
  void check_preamble(io::byte_reader& reader) const {
    constexpr std::array<unsigned char, 10> magic{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    const pickled first = unpickler::read(reader, path_);
    const auto* const number = first.get_if<py_long>(first.top);
    if (number == nullptr || number->value.size() != magic.size() ||
        std::memcmp(number->value.data(), magic.data(), magic.size()) != 0)
      throw mismatch_error(path_, "byte 0", "the magic number of a PyTorch checkpoint",
                           "another pickle: " + describe(first.objects[first.top]));
    const std::size_t at = reader.position();
    const pickled second = unpickler::read(reader, path_);
    const auto* const version = second.get_if<std::int64_t>(second.top);
    if (version == nullptr || *version != 1001)
      throw mismatch_error(path_, "byte " + std::to_string(at), "protocol version 1001",
                           describe(second.objects[second.top]));
    const std::size_t at_system = reader.position();
    const pickled system = unpickler::read(reader, path_);
    if (system.get_if<py_dict>(system.top) == nullptr)
      throw mismatch_error(path_, "byte " + std::to_string(at_system), "a dict of system facts",
                           describe(system.objects[system.top]));
  }

  /// Walks the storages, which lie in the order of `keys` from byte `at` to the end of the file.
  [[nodiscard]] std::vector<std::size_t> find_storages(const pickled& objects, const pickled& keys,
                                                       std::size_t at) const {
    std::map<std::string_view, std::size_t> waiting;
    for (std::size_t i = 0; i < objects.storages.size(); ++i) waiting.emplace(objects.storages[i].key, i);
    std::vector<std::size_t> offsets(objects.storages.size());
    const auto* const list = keys.get_if<py_list>(keys.top);
    if (list == nullptr) throw mismatch_error(path_, "", "a list of storage keys", describe(keys.objects[keys.top]));
    for (const object_id item : list->items) {
      const auto* const key = keys.get_if<py_text>(item);
      const auto found = key == nullptr ? waiting.end() : waiting.find(key->value);
      if (found == waiting.end())
        throw mismatch_error(path_, "storage keys", "the key of a storage, once", describe(keys.objects[item]));
      offsets[found->second] = at + sizeof(std::uint64_t);
      at = end_of_storage(objects.storages[found->second], at);
      waiting.erase(found);
    }
    if (!waiting.empty())
      throw mismatch_error(path_, "storage keys", "storage '" + printable(waiting.begin()->first) + "'", "no such key");
    if (at != source_->file().size())
      throw mismatch_error(path_, "byte " + std::to_string(at), "the end of the file",
                           std::to_string(source_->file().size() - at) + " more bytes");
    return offsets;
  }

  /// Checks the storage at byte `at`, which is inside the file or its end.
  [[nodiscard]] std::size_t end_of_storage(const storage_record& storage, std::size_t at) const {
    const std::string place = "storage '" + printable(storage.key) + "' at byte " + std::to_string(at);
    const std::size_t left = source_->file().size() - at;
    const std::size_t bytes = storage.count * size_of(storage.type);
    if (left < sizeof(std::uint64_t) || left - sizeof(std::uint64_t) < bytes)
      throw mismatch_error(path_, place, "8 + " + std::to_string(bytes) + " bytes", std::to_string(left));
    std::array<std::byte, sizeof(std::uint64_t)> raw{};
    source_->file().read(at, raw);
    io::byte_reader reader{raw, path_};
    if (const auto count = reader.take_number<std::uint64_t>(); count != storage.count)
      throw mismatch_error(path_, place, std::to_string(storage.count) + " elements", std::to_string(count));
    return at + sizeof(std::uint64_t) + bytes;
  }

  std::shared_ptr<const tensor_file> source_;
  std::string path_;
};

[[nodiscard]] inline std::string describe_foreign(std::string_view head) {
  if (const auto stand_in = io::describe_stand_in(head)) return *stand_in;
  if (is_tar(head)) return "a tar archive (PyTorch before 0.1.9: load and save it with a newer one)";
  return "a file that begins with '" + printable(head.substr(0, 16)) + "'";
}

}  // namespace detail

/// Whether a file that begins with `head` can be a PyTorch checkpoint: a zip archive or a pickle.
[[nodiscard]] inline bool looks_like_pytorch(std::span<const std::byte> head) noexcept {
  const std::string_view text{reinterpret_cast<const char*>(head.data()), head.size()};
  return detail::is_zip(text) || detail::is_pickle(text);
}

/// The tensors of a PyTorch checkpoint (.bin, .pth, .pt), in the order of its dict; both layouts of torch.save. Reads
/// the descriptions only. Nothing of the pickle is executed, and a file that names anything but tensors is refused.
[[nodiscard]] inline std::vector<stored_tensor> read_pytorch(const std::shared_ptr<const tensor_file>& source) {
  const std::string head = io::read_head(source->file());
  if (detail::is_zip(head)) return detail::zip_checkpoint{source}.read();
  if (detail::is_pickle(head)) return detail::legacy_checkpoint{source}.read();
  throw mismatch_error(source->file().path().string(), "", "a PyTorch checkpoint (zip or pickle)",
                       detail::describe_foreign(head));
}

}  // namespace tulu::checkpoint
