#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/strided_read.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/mapped_file.hpp>
#include <tulu/tensor/tensor.hpp>

namespace tulu::checkpoint {

/// A file that tensors lie in, mapped on the first call of `mapping`.
class tensor_file {
 public:
  explicit tensor_file(std::filesystem::path path) : file_{std::move(path)} {}

  [[nodiscard]] const io::file& file() const noexcept { return file_; }
  [[nodiscard]] std::span<const std::byte> mapping() const {
    std::call_once(once_, [this] { map_.emplace(file_); });
    return map_->bytes();
  }

 private:
  io::file file_;
  mutable std::once_flag once_;
  mutable std::optional<io::mapped_file> map_;
};

/// Where the elements of a tensor lie in its file. `strides` (in elements, one per axis) is empty for a contiguous
/// row-major tensor. A reader that fills this has checked that every element lies inside the file.
struct storage_layout {
  std::size_t offset = 0;  ///< of the first element, in bytes from the start of the file
  std::vector<std::size_t> strides{};
  bool byte_swapped = false;  ///< stored in the other byte order than this machine's
};

/// One tensor of a checkpoint: what the header says of it, and the way to its elements. Cheap to copy.
class stored_tensor {
 public:
  stored_tensor(std::string name, dtype type, shape extents, std::shared_ptr<const tensor_file> source,
                storage_layout layout)
      : name_{std::move(name)},
        type_{type},
        extents_{std::move(extents)},
        size_{extents_.count().value()},
        source_{std::move(source)},
        layout_{std::move(layout)} {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] dtype type() const noexcept { return type_; }
  [[nodiscard]] const shape& extents() const noexcept { return extents_; }
  /// Number of elements.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return size_ * size_of(type_); }
  [[nodiscard]] const io::file& file() const noexcept { return source_->file(); }
  [[nodiscard]] const storage_layout& layout() const noexcept { return layout_; }

  /// The elements [first, first + count) in row-major order, native-endian, into `out` (count × element size bytes).
  /// Reads with pread: no page of the file is mapped.
  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const;

  /// The elements where they lie in the mapped file, or nothing when they are strided, byte-swapped or misaligned.
  [[nodiscard]] std::optional<tensor_view> view() const {
    if (!layout_.strides.empty() || layout_.byte_swapped) return std::nullopt;
    if (size_ == 0) return tensor_view{type_, extents_, {}};
    const auto elements = source_->mapping().subspan(layout_.offset, bytes());
    if (reinterpret_cast<std::uintptr_t>(elements.data()) % size_of(type_) != 0) return std::nullopt;
    return tensor_view{type_, extents_, elements};
  }

  /// A contiguous copy in memory.
  [[nodiscard]] tensor materialise() const {
    tensor copy{type_, extents_, bytes()};
    read(0, size_, copy.bytes());
    return copy;
  }

 private:
  void read_strided(std::size_t first, std::size_t count, std::span<std::byte> out) const;

  std::string name_;
  dtype type_;
  shape extents_;
  std::size_t size_;
  std::shared_ptr<const tensor_file> source_;
  storage_layout layout_;
};

inline void stored_tensor::read(std::size_t first, std::size_t count, std::span<std::byte> out) const {
  if (first > size_ || count > size_ - first || out.size() != count * size_of(type_))
    throw mismatch_error(file().path().string(), name_, "a range inside " + std::to_string(size_) + " elements",
                         "[" + std::to_string(first) + ", +" + std::to_string(count) + ")");
  if (layout_.strides.empty()) {
    file().read(layout_.offset + first * size_of(type_), out);
  } else {
    read_strided(first, count, out);
  }
  if (!layout_.byte_swapped) return;
  for (std::size_t at = 0; at < out.size(); at += size_of(type_))
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(at),
                 out.begin() + static_cast<std::ptrdiff_t>(at + size_of(type_)));
}

inline void stored_tensor::read_strided(std::size_t first, std::size_t count, std::span<std::byte> out) const {
  if (count == 0) return;
  detail::strided_reader reader{file(), layout_.offset, extents_.extents(), layout_.strides, size_of(type_)};
  reader.read(first, count, out.data());
}

}  // namespace tulu::checkpoint
