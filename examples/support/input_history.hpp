#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "escapes.hpp"

namespace cli {

/// Where the XDG base directory specification has programs keep state; nothing without a home.
[[nodiscard]] inline std::optional<std::filesystem::path> state_folder() {
  const auto absolute = [](const char* name) -> std::optional<std::filesystem::path> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value != '/') return std::nullopt;
    return value;
  };
  if (const auto state = absolute("XDG_STATE_HOME")) return *state / "tulu";
  if (const auto home = absolute("HOME")) return *home / ".local" / "state" / "tulu";
  return std::nullopt;
}

/// What was typed, in a file that only its owner may read: one message a line, oldest first. Several programs may
/// append to it at a time. A file that cannot be read or written is one without content.
class input_history {
 public:
  static constexpr std::size_t longest = 1000;

  explicit input_history(std::optional<std::filesystem::path> file) : file_{std::move(file)} {}

  /// The last `longest` messages. Cuts a file that has become twice as long.
  [[nodiscard]] std::vector<std::string> load() const {
    std::vector<std::string> entries;
    if (!file_) return entries;
    std::ifstream in{*file_, std::ios::binary};
    for (std::string line; std::getline(in, line);) entries.push_back(unescaped(line));
    if (entries.size() <= longest) return entries;
    const bool cuts = entries.size() > 2 * longest;
    entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(longest));
    if (cuts) rewrite(entries);
    return entries;
  }

  void append(std::string_view text) const {
    if (!file_) return;
    std::error_code ignored;
    std::filesystem::create_directories(file_->parent_path(), ignored);
    write(*file_, O_APPEND, escaped(text) + '\n');
  }

 private:
  void rewrite(const std::vector<std::string>& entries) const {
    std::string content;
    for (const std::string& entry : entries) content += escaped(entry) + '\n';
    const std::string partial = file_->string() + ".partial";
    if (write(partial, O_TRUNC, content)) std::rename(partial.c_str(), file_->c_str());
  }

  /// In one piece, so that two programs do not mix their lines.
  static bool write(const std::filesystem::path& path, int flags, const std::string& content) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, S_IRUSR | S_IWUSR);
    if (fd < 0) return false;
    const bool whole = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    return ::close(fd) == 0 && whole;
  }

  std::optional<std::filesystem::path> file_;
};

}  // namespace cli
