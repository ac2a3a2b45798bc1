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

/// Elements that are worked out when they are read, from those of other tensors: joined, reordered, added, converted.
/// Immutable: threads may read at once.
class derived_elements {
 public:
  derived_elements() = default;
  derived_elements(const derived_elements&) = delete;
  derived_elements& operator=(const derived_elements&) = delete;
  virtual ~derived_elements() = default;

  /// As stored_tensor::read, whose caller has checked the range and the size of `out`.
  virtual void read(std::size_t first, std::size_t count, std::span<std::byte> out) const = 0;
};

/// One tensor of a checkpoint: what the header says of it, and the way to its elements. Cheap to copy. The rows of a
/// tensor of a block type are whole blocks.
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
  /// A tensor of elements that are worked out; `source` is the file that messages name.
  stored_tensor(std::string name, dtype type, shape extents, std::shared_ptr<const tensor_file> source,
                std::shared_ptr<const derived_elements> elements)
      : stored_tensor{std::move(name), type, std::move(extents), std::move(source), storage_layout{}} {
    derived_ = std::move(elements);
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] dtype type() const noexcept { return type_; }
  [[nodiscard]] const shape& extents() const noexcept { return extents_; }
  /// Number of elements.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_of(type_, size_); }
  [[nodiscard]] const std::shared_ptr<const tensor_file>& source() const noexcept { return source_; }
  [[nodiscard]] const io::file& file() const noexcept { return source_->file(); }
  [[nodiscard]] const storage_layout& layout() const noexcept { return layout_; }
  /// What works the elements out, or null.
  [[nodiscard]] const derived_elements* derived() const noexcept { return derived_.get(); }

  /// The same tensor under another name.
  [[nodiscard]] stored_tensor renamed(std::string name) const {
    stored_tensor other{*this};
    other.name_ = std::move(name);
    return other;
  }

  /// The elements [first, first + count) in row-major order, native-endian, into `out` (bytes_of them). Both numbers
  /// are multiples of the block. Reads with pread: no page of the file is mapped.
  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const;

  /// The elements where they lie in the mapped file, or nothing when they are worked out, strided, byte-swapped or
  /// misaligned.
  [[nodiscard]] std::optional<tensor_view> view() const {
    if (derived_ != nullptr || !layout_.strides.empty() || layout_.byte_swapped) return std::nullopt;
    if (size_ == 0) return tensor_view{type_, extents_, {}};
    const auto elements = source_->mapping().subspan(layout_.offset, bytes());
    if (reinterpret_cast<std::uintptr_t>(elements.data()) % alignment_of(type_) != 0) return std::nullopt;
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
  std::shared_ptr<const derived_elements> derived_{};  ///< or null: the elements are those of the file
};

inline void stored_tensor::read(std::size_t first, std::size_t count, std::span<std::byte> out) const {
  const std::size_t block = block_of(type_);
  if (first > size_ || count > size_ - first || first % block != 0 || count % block != 0 ||
      out.size() != bytes_of(type_, count))
    throw mismatch_error(file().path().string(), name_,
                         "a range inside " + std::to_string(size_) + " elements in blocks of " + std::to_string(block),
                         "[" + std::to_string(first) + ", +" + std::to_string(count) + ")");
  if (derived_ != nullptr) return derived_->read(first, count, out);
  if (layout_.strides.empty()) {
    file().read(layout_.offset + bytes_of(type_, first), out);
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
