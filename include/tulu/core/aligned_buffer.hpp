#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>

namespace tulu {

/// Owning, uninitialised bytes at an address that is a multiple of `alignment` (a page: what direct I/O asks for, and
/// more than any SIMD load does). Movable, not copyable.
class aligned_buffer {
 public:
  static constexpr std::size_t alignment = 4096;

  aligned_buffer() = default;
  explicit aligned_buffer(std::size_t size)
      : data_{size == 0 ? nullptr : static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}))},
        size_{size} {}
  aligned_buffer(aligned_buffer&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  aligned_buffer& operator=(aligned_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~aligned_buffer() { ::operator delete (data_, std::align_val_t{alignment}); }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_, size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tulu
