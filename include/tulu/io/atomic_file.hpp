#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/io/file.hpp>

namespace tulu::io {

/// Where the file `target` grows until it is complete: `.NAME.partial` in the same folder.
[[nodiscard]] inline std::filesystem::path partial_path(const std::filesystem::path& target) {
  return target.parent_path() / ("." + target.filename().string() + ".partial");
}

/// Makes the entries of a folder (names, not contents) survive a power cut.
inline void sync_folder(const std::filesystem::path& folder) {
  const descriptor fd{::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd.valid() || ::fsync(fd.get()) != 0) throw system_error(folder, "sync");
}

/// Gives the complete, synced partial file of `target` its name; replaces what had it, in one step.
inline void publish(const std::filesystem::path& target) {
  if (::rename(partial_path(target).c_str(), target.c_str()) != 0)
    throw system_error(partial_path(target), "rename to " + target.filename().string());
  sync_folder(target.parent_path());
}

/// The partial file of a target, written in large aligned blocks past the page cache where the file system lets it
/// (O_DIRECT), else with early write-back. `finish` syncs it; `publish` is the caller's.
class partial_file {
 public:
  static constexpr std::size_t block = 4096;

  /// `size` is reserved on disk at once, so that a full disk shows here.
  partial_file(const std::filesystem::path& target, std::size_t size)
      : path_{partial_path(target)},
        fd_{::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, 0666)} {
    direct_ = fd_.valid();
    if (!fd_.valid()) fd_ = descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!fd_.valid()) throw system_error(path_, "create");
    if (size != 0 && ::fallocate(fd_.get(), 0, 0, static_cast<::off_t>(size)) != 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS)
      throw system_error(path_, "reserve " + std::to_string(size) + " bytes");
  }

  /// Writes whole blocks at a multiple of `block`, from memory at one. May be called from several threads at once: a
  /// disk is faster with more than one request.
  void write_blocks(std::size_t offset, std::span<const std::byte> blocks) {
    write(offset, blocks);
    if (!direct_)
      ::sync_file_range(fd_.get(), static_cast<::off_t>(offset), static_cast<::off_t>(blocks.size()),
                        SYNC_FILE_RANGE_WRITE);
  }

  /// Writes the end of the file, of any size, when all blocks are written; then syncs.
  void finish(std::size_t offset, std::span<const std::byte> tail) {
    leave_direct();
    write(offset, tail);
    if (::fsync(fd_.get()) != 0) throw system_error(path_, "sync");
  }

 private:
  void leave_direct() {
    if (direct_ && ::fcntl(fd_.get(), F_SETFL, 0) != 0) throw system_error(path_, "leave direct I/O");
    direct_ = false;
  }

  void write(std::size_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ::ssize_t put = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<::off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EINVAL && direct_) {
        leave_direct();
        continue;
      }
      if (put < 0) throw system_error(path_, "write");
      offset += static_cast<std::size_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }

  std::filesystem::path path_;
  descriptor fd_;
  std::atomic<bool> direct_ = false;
};

namespace detail {

/// Lets `fill(write)` produce the partial file of `target`, syncs and publishes it. `mode` is its access, less umask's.
template <class Fill>
void replace_atomically(const std::filesystem::path& target, Fill&& fill, ::mode_t mode = 0666) {
  const std::filesystem::path path = partial_path(target);
  {
    const descriptor fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!fd.valid()) throw system_error(path, "create");
    fill([&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        const ::ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw system_error(path, "write");
        bytes = bytes.subspan(static_cast<std::size_t>(put));
      }
    });
    if (::fsync(fd.get()) != 0) throw system_error(path, "sync");
  }
  publish(target);
}

}  // namespace detail

/// Writes a small file whole: partial, sync, rename.
inline void write_atomically(const std::filesystem::path& target, std::string_view content, ::mode_t mode = 0666) {
  detail::replace_atomically(
      target, [&](auto&& write) { write(std::as_bytes(std::span{content})); }, mode);
}

/// Copies a file of any size: partial, sync, rename.
inline void copy_atomically(const std::filesystem::path& from, const std::filesystem::path& target) {
  const file source{from};
  aligned_buffer buffer{std::size_t{1} << 20};
  detail::replace_atomically(target, [&](auto&& write) {
    for (std::size_t offset = 0; offset < source.size();) {
      const auto window = buffer.bytes().first(std::min(buffer.size(), source.size() - offset));
      source.read(offset, window);
      write(std::span<const std::byte>{window});
      offset += window.size();
    }
  });
}

}  // namespace tulu::io
