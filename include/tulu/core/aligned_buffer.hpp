#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include <sys/mman.h>

namespace tulu {

/// Owning, uninitialised bytes at an address that is a multiple of `alignment` (a page: what direct I/O asks for, and
/// more than any SIMD load does). A large buffer lies in huge pages where the system has them: fewer faults when it is
/// first touched, fewer misses of the address cache when it is read. Movable, not copyable.
class aligned_buffer {
 public:
  static constexpr std::size_t alignment = 4096;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  aligned_buffer() = default;
  explicit aligned_buffer(std::size_t size)
      : data_{size == 0 ? nullptr : static_cast<std::byte*>(::operator new(size, alignment_of(size)))}, size_{size} {
#if defined(MADV_HUGEPAGE)
    if (size >= huge_page) ::madvise(data_, size, MADV_HUGEPAGE);
#endif
  }
  aligned_buffer(aligned_buffer&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  aligned_buffer& operator=(aligned_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~aligned_buffer() {
    if (data_ != nullptr) ::operator delete(data_, alignment_of(size_));
  }

  [[nodiscard]] std::byte* data() noexcept {
    return data_;
  }
  [[nodiscard]] const std::byte* data() const noexcept {
    return data_;
  }
  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
  }
  [[nodiscard]] std::span<std::byte> bytes() noexcept {
    return {data_, size_};
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_, size_};
  }

 private:
  [[nodiscard]] static std::align_val_t alignment_of(std::size_t size) noexcept {
    return std::align_val_t{size >= huge_page ? huge_page : alignment};
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tulu
