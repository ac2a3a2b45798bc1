#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tulu/core/error.hpp>

namespace tulu::io {

/// The error for the failed system call `doing` on `path`, with the text of errno.
[[nodiscard]] inline error system_error(const std::filesystem::path& path, std::string_view doing) {
  const int code = errno;
  return error{path.string() + ": cannot " + std::string{doing} + ": " + std::strerror(code)};
}

/// Runs `action`; what std::filesystem throws in it becomes an error that names the path.
template <class Action>
decltype(auto) with_path_errors(Action&& action) {
  try {
    return action();
  } catch (const std::filesystem::filesystem_error& failed) {
    throw error{failed.path1().string() + ": " + failed.code().message()};
  }
}

/// True for the name of a visible file inside a folder: no separators, no NUL, no leading dot, not empty.
[[nodiscard]] inline bool is_plain_file_name(std::string_view name) noexcept {
  return !name.empty() && name.front() != '.' && name.find_first_of(std::string_view{"/\\\0", 3}) == name.npos;
}

/// Owns a file descriptor.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_{fd} {}
  descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A regular file open for reading at any offset, from several threads at once.
class file {
 public:
  explicit file(std::filesystem::path path)
      : path_{std::move(path)}, fd_{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
    if (!fd_.valid()) throw system_error(path_, "open");
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw system_error(path_, "stat");
    if (!S_ISREG(status.st_mode)) throw mismatch_error(path_.string(), "", "a regular file", "something else");
    size_ = static_cast<std::size_t>(status.st_size);
    modified_ns_ = status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] int handle() const noexcept { return fd_.get(); }
  /// Time of the last modification, nanoseconds since the epoch.
  [[nodiscard]] std::int64_t modified_ns() const noexcept { return modified_ns_; }

  /// Fills `out` from byte `offset`. Throws when the file ends earlier.
  void read(std::size_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
      const ::ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<::off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error(path_, "read");
      if (got == 0)
        throw mismatch_error(path_.string(), "byte " + std::to_string(offset),
                             std::to_string(out.size()) + " more bytes",
                             "the end of the file (it shrank since it was opened)");
      offset += static_cast<std::size_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  std::filesystem::path path_;
  descriptor fd_;
  std::size_t size_ = 0;
  std::int64_t modified_ns_ = 0;
};

/// The last name of a path, whether or not it ends in a slash.
[[nodiscard]] inline std::string last_component(const std::filesystem::path& path) {
  const std::filesystem::path normal = path.lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

}  // namespace tulu::io
