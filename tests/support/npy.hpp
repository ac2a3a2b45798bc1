#pragma once

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "temp_dir.hpp"
#include <tulu/core/error.hpp>

namespace tulu::test {

/// The elements of a .npy file, version 1.0 and little-endian as numpy.save writes it here, as the Element that the
/// file has (`<f4` or `<i4`).
template <class Element>
[[nodiscard]] std::vector<Element> read_npy(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  const std::string wanted = std::string{"'descr': '<"} + (std::is_integral_v<Element> ? "i" : "f") + "4'";
  if (content.compare(0, 8, std::string{"\x93NUMPY\x01\0", 8}) != 0 || content.find(wanted) == std::string::npos)
    throw error{path.string() + ": not the .npy that was expected"};
  const std::size_t header =
      10 + static_cast<unsigned char>(content[8]) + 256U * static_cast<unsigned char>(content[9]);
  std::vector<Element> elements((content.size() - header) / sizeof(Element));
  std::memcpy(elements.data(), content.data() + header, elements.size() * sizeof(Element));
  return elements;
}

}  // namespace tulu::test
