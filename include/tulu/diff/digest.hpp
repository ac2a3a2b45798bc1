#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include <tulu/checkpoint/safetensors.hpp>
#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/error.hpp>
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

/// How hashing, which may take minutes, is watched and stopped.
struct hash_watch {
  std::stop_token stop{};                             ///< a request to stop ends it with `cancelled`
  std::function<void(std::size_t bytes)> on_bytes{};  ///< told of every piece that is done
};

namespace detail {

/// Reads the bytes [offset, offset + count) of a file front to back and hands them out in windows.
class window_reader {
 public:
  window_reader(const io::file& source, const hash_watch& watch) : source_{source}, watch_{watch} {}

  template <class Use>
  void read(std::size_t offset, std::size_t count, Use&& use) {
    while (count != 0) {
      if (watch_.stop.stop_requested()) throw cancelled{};
      const auto window = buffer_.bytes().first(std::min(count, buffer_.size()));
      source_.read(offset, window);
      use(std::span<const std::byte>{window});
      offset += window.size();
      count -= window.size();
      if (watch_.on_bytes) watch_.on_bytes(window.size());
    }
  }

 private:
  const io::file& source_;
  const hash_watch& watch_;
  aligned_buffer buffer_{std::size_t{1} << 20};
};

}  // namespace detail

/// The SHA-256 of a whole file, lowercase hex.
[[nodiscard]] inline std::string hash_file(const std::filesystem::path& path, const io::sha256_functions& functions,
                                           const hash_watch& watch = {}) {
  const io::file source{path};
  io::sha256 hash{functions};
  detail::window_reader{source, watch}.read(0, source.size(), [&](auto bytes) { hash.update(bytes); });
  return io::to_hex(hash.finish());
}

/// The hashes of a safetensors file and of its tensors, in the order of their data, in one pass.
[[nodiscard]] inline checkpoint::shard_digest hash_shard(const std::filesystem::path& path,
                                                         const io::sha256_functions& functions,
                                                         const hash_watch& watch = {}) {
  const auto source = std::make_shared<const checkpoint::tensor_file>(path);
  const checkpoint::safetensors_contents contents = checkpoint::read_safetensors(source);
  detail::window_reader reader{source->file(), watch};
  checkpoint::shard_hasher hasher{functions};
  const auto update = [&](std::span<const std::byte> bytes) { hasher.update(bytes); };
  reader.read(0, contents.header_bytes, update);
  for (const checkpoint::stored_tensor& tensor : contents.tensors) {
    hasher.begin_tensor();
    reader.read(tensor.layout().offset, tensor.bytes(), update);
  }
  return hasher.finish();
}

}  // namespace tulu::diff
