#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "temp_dir.hpp"
#include <tulu/checkpoint/safetensors.hpp>

namespace tulu::test {

/// The 8 bytes of a header's length.
[[nodiscard]] inline std::string length_bytes(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes;
}

/// A safetensors file of this header, right or wrong, and these data.
[[nodiscard]] inline std::string raw_safetensors(std::string_view header, std::string_view data = {}) {
  return length_bytes(header.size()).append(header).append(data);
}

/// Writes `bytes` to a file of `dir` and opens it.
[[nodiscard]] inline std::shared_ptr<const checkpoint::tensor_file> tensor_file_of(
    const temp_dir& dir, std::string_view bytes, const std::string& name = "model.safetensors") {
  write_file(dir.path() / name, bytes);
  return std::make_shared<const checkpoint::tensor_file>(dir.path() / name);
}

}  // namespace tulu::test
