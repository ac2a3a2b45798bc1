#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <stdlib.h>

#include <tulu/core/error.hpp>

namespace tulu::test {

/// A new empty folder, removed with its content at the end of the scope.
class temp_dir {
 public:
  temp_dir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tulu-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw error{pattern + ": cannot make a temporary folder"};
    path_ = pattern;
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream out{path, std::ios::binary};
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) throw error{path.string() + ": cannot write"};
}

[[nodiscard]] inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) throw error{path.string() + ": cannot open"};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// The message of the tulu::error that `action` throws; empty when it throws none.
template <class Action>
[[nodiscard]] std::string message_of(Action&& action) {
  try {
    action();
  } catch (const error& caught) {
    return caught.what();
  }
  return {};
}

}  // namespace tulu::test
