#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <sys/mman.h>

#include <tulu/io/file.hpp>

namespace tulu::io {

/// A read-only mapping of a whole file. The pages belong to the page cache, so a mapped model takes no memory of its
/// own; reading a page after the file was truncated by somebody else raises SIGBUS, as with any mapping.
class mapped_file {
 public:
  explicit mapped_file(const file& source) : size_{source.size()} {
    if (size_ == 0) return;
    void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, source.handle(), 0);
    if (address == MAP_FAILED) throw system_error(source.path(), "map");
    data_ = static_cast<const std::byte*>(address);
  }
  mapped_file(mapped_file&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~mapped_file() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tulu::io
