#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include <tulu/checkpoint/safetensors.hpp>
#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/sha256.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::diff {

/// What the tensor digest knows of one tensor.
struct tensor_fingerprint {
  dtype type;
  shape extents;
  std::string sha256;  ///< of the data as safetensors stores them, lowercase hex
};

/// A digest of a model that does not depend on how it is cut into shards: SHA-256, in lowercase hex, over one line
/// `name\0dtype\0shape\0sha256\n` per tensor in byte order of the names; dtype as in safetensors ("F32"), shape as
/// decimal extents joined by commas ("32001,4096", empty for a scalar).
[[nodiscard]] inline std::string tensor_digest(const std::map<std::string, tensor_fingerprint>& tensors,
                                               const io::sha256_functions& functions) {
  io::sha256 hash{functions};
  std::string line;
  for (const auto& [name, tensor] : tensors) {
    line.assign(name).append(1, '\0').append(tulu::name(tensor.type)).append(1, '\0');
    for (std::size_t axis = 0; axis < tensor.extents.rank(); ++axis)
      line.append(axis == 0 ? "" : ",").append(std::to_string(tensor.extents[axis]));
    line.append(1, '\0').append(tensor.sha256).append(1, '\n');
    hash.update(std::as_bytes(std::span{line}));
  }
  return io::to_hex(hash.finish());
}

namespace detail {

inline constexpr std::size_t hash_window = std::size_t{1} << 20;

/// Calls `use(bytes)` for the bytes [offset, offset + count) of `source`, front to back, through `buffer`.
template <class Use>
void for_each_window(const io::file& source, std::size_t offset, std::size_t count, aligned_buffer& buffer,
                     const std::stop_token& stop, Use&& use) {
  while (count != 0) {
    if (stop.stop_requested()) throw cancelled{};
    const auto window = buffer.bytes().first(std::min(count, buffer.size()));
    source.read(offset, window);
    use(std::span<const std::byte>{window});
    offset += window.size();
    count -= window.size();
  }
}

}  // namespace detail

/// The SHA-256 of a whole file, lowercase hex.
[[nodiscard]] inline std::string hash_file(const std::filesystem::path& path, const io::sha256_functions& functions,
                                           const std::stop_token& stop = {}) {
  const io::file source{path};
  aligned_buffer buffer{detail::hash_window};
  io::sha256 hash{functions};
  detail::for_each_window(source, 0, source.size(), buffer, stop, [&](auto bytes) { hash.update(bytes); });
  return io::to_hex(hash.finish());
}

/// The hashes of a safetensors file and of its tensors, in the order of their data, in one pass.
[[nodiscard]] inline checkpoint::shard_digest hash_shard(const std::filesystem::path& path,
                                                         const io::sha256_functions& functions,
                                                         const std::stop_token& stop = {}) {
  const auto source = std::make_shared<const checkpoint::tensor_file>(path);
  const checkpoint::safetensors_contents contents = checkpoint::read_safetensors(source);
  aligned_buffer buffer{detail::hash_window};
  checkpoint::shard_hasher hasher{functions};
  const auto feed = [&](std::size_t offset, std::size_t count) {
    detail::for_each_window(source->file(), offset, count, buffer, stop, [&](auto bytes) { hasher.update(bytes); });
  };
  feed(0, contents.header_bytes);
  for (const checkpoint::stored_tensor& tensor : contents.tensors) {
    hasher.begin_tensor();
    feed(tensor.layout().offset, tensor.bytes());
  }
  return hasher.finish();
}

}  // namespace tulu::diff
