#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <tulu/io/file.hpp>
#include <tulu/io/stand_in.hpp>

namespace cli {

/// All of a file, or of what a pipe or a terminal gives.
[[nodiscard]] inline std::string read_text(const std::string& path) {
  const auto kind = std::filesystem::status(path).type();
  if (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character) {
    std::ifstream source{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{source}, {}};
  }
  const tulu::io::file source{path};
  return tulu::io::read_head(source, source.size());
}

}  // namespace cli
