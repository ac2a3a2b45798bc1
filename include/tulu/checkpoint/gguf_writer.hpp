#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/gguf_header.hpp>
#include <tulu/checkpoint/ggml_type.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/atomic_file.hpp>
#include <tulu/io/sha256.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::checkpoint {

/// One tensor of a GGUF file to be written. The extents are in row-major order.
struct gguf_tensor {
  std::string name;
  dtype type;
  shape extents;
};

/// What comes before the data of a GGUF file, and where they lie.
struct gguf_plan {
  std::string header{};                ///< with the padding before the data
  std::vector<std::size_t> bytes{};    ///< of each tensor
  std::vector<std::size_t> padding{};  ///< after each tensor
  std::size_t file_bytes = 0;
};

namespace detail {

/// The longest name that ggml takes, GGML_MAX_NAME without the NUL.
inline constexpr std::size_t longest_gguf_name = 63;

/// The bytes of a tensor that ggml can hold; throws for one that it can not.
[[nodiscard]] inline std::size_t checked_gguf_bytes(const gguf_tensor& tensor, std::string_view file) {
  const auto bad = [&](std::string_view expected, std::string_view found) {
    return mismatch_error(file, printable(tensor.name), expected, found);
  };
  if (tensor.name.empty() || tensor.name.size() > longest_gguf_name)
    throw bad("a name of 1 to " + std::to_string(longest_gguf_name) + " bytes", std::to_string(tensor.name.size()));
  if (!ggml_number(tensor.type)) throw bad("a type of ggml", name(tensor.type));
  const std::size_t rank = tensor.extents.rank();
  if (rank == 0 || rank > 4) throw bad("1 to 4 dimensions", std::to_string(rank));
  if (tensor.extents[rank - 1] % block_of(tensor.type) != 0)
    throw bad("rows of whole blocks, " + std::to_string(block_of(tensor.type)) + " elements of " +
                  std::string{name(tensor.type)},
              to_string(tensor.extents));
  const auto count = tensor.extents.count();
  const auto bytes = count ? checked_mul(*count / block_of(tensor.type), traits(tensor.type).bytes) : std::nullopt;
  if (!bytes) throw bad("a size in bytes that fits 64 bits", to_string(tensor.extents));
  return *bytes;
}

inline void append_gguf_entry(std::string& header, const gguf_entry& entry) {
  append_text(header, entry.key);
  append_number(header, static_cast<std::uint32_t>(entry.value.type()));
  if (entry.value.is_array()) {
    append_number(header, static_cast<std::uint32_t>(entry.value.element_type()));
    append_number(header, std::uint64_t{entry.value.size()});
  }
  header.append(entry.value.bytes());
}

inline void append_gguf_tensor(std::string& header, const gguf_tensor& tensor, std::size_t offset) {
  append_text(header, tensor.name);
  const auto extents = tensor.extents.extents();
  append_number(header, static_cast<std::uint32_t>(extents.size()));
  for (std::size_t axis = extents.size(); axis != 0; --axis) append_number(header, std::uint64_t{extents[axis - 1]});
  append_number(header, *ggml_number(tensor.type));
  append_number(header, std::uint64_t{offset});
}

}  // namespace detail

/// The header of a GGUF file (version 3, little-endian) of these metadata and tensors, whose data follow in this
/// order, each with its padding. The same arguments give the same bytes. Throws for what ggml can not hold.
[[nodiscard]] inline gguf_plan plan_gguf(const gguf_metadata& metadata, std::span<const gguf_tensor> tensors) {
  const std::string file = metadata.path().string();
  const std::size_t alignment = detail::gguf_alignment(metadata);
  gguf_plan plan;
  plan.header = gguf_magic;
  detail::append_number(plan.header, std::uint32_t{3});
  detail::append_number(plan.header, std::uint64_t{tensors.size()});
  detail::append_number(plan.header, std::uint64_t{metadata.entries().size()});
  for (const gguf_entry& entry : metadata.entries()) detail::append_gguf_entry(plan.header, entry);
  std::unordered_set<std::string_view> names;
  std::size_t offset = 0;
  for (const gguf_tensor& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw mismatch_error(file, printable(tensor.name), "each tensor once", "it again");
    const std::size_t bytes = detail::checked_gguf_bytes(tensor, file);
    detail::append_gguf_tensor(plan.header, tensor, offset);
    const auto end = checked_add(offset, bytes);
    const auto next = end ? detail::padded(*end, alignment) : std::nullopt;
    if (!next) throw mismatch_error(file, printable(tensor.name), "a file whose size fits 64 bits", "a larger one");
    plan.bytes.push_back(bytes);
    plan.padding.push_back(*next - *end);
    offset = *next;
  }
  plan.header.append((alignment - plan.header.size() % alignment) % alignment, '\0');
  const auto size = checked_add(plan.header.size(), offset);
  if (!size) throw mismatch_error(file, "", "a file whose size fits 64 bits", "a larger one");
  plan.file_bytes = *size;
  return plan;
}

/// Streams one GGUF file: the header at once, then the bytes of each tensor in order. The file has its name when
/// `finish` has returned, and until then that of partial_path. Memory: that of shard_writer.
class gguf_writer {
 public:
  /// `metadata.path()` is where the file will be.
  gguf_writer(const gguf_metadata& metadata, std::span<const gguf_tensor> tensors,
              const io::sha256_functions& hashing = io::portable_sha256)
      : gguf_writer{metadata.path(), plan_gguf(metadata, tensors), tensors, hashing} {}

  /// The file of a plan for these tensors at `target`.
  gguf_writer(std::filesystem::path target, gguf_plan plan, std::span<const gguf_tensor> tensors,
              const io::sha256_functions& hashing)
      : target_{std::move(target)},
        plan_{std::move(plan)},
        out_{target_, std::exchange(plan_.header, {}), plan_.file_bytes, hashing} {
    for (const gguf_tensor& tensor : tensors) names_.push_back(tensor.name);
    begin_tensor();
  }

  /// Where the next bytes of the tensor that is being written go: never empty.
  [[nodiscard]] std::span<std::byte> room() {
    if (tensor_ == plan_.bytes.size())
      throw mismatch_error(target_.string(), "", "no more bytes: all tensors are complete", "more");
    const auto space = out_.room();
    return space.first(std::min(space.size(), left_));
  }

  /// The first `count` bytes of `room()` are filled.
  void advance(std::size_t count) {
    out_.advance(count);
    left_ -= count;
    if (left_ == 0) end_tensor();
  }

  /// The next bytes of the tensor that is being written; throws when it has not that many.
  void append(std::span<const std::byte> bytes) {
    if (!bytes.empty() && bytes.size() > left_)
      throw mismatch_error(target_.string(), place(), std::to_string(left_) + " more bytes",
                           std::to_string(bytes.size()));
    while (!bytes.empty()) {
      const auto target = room();
      const std::size_t count = std::min(target.size(), bytes.size());
      std::memcpy(target.data(), bytes.data(), count);
      advance(count);
      bytes = bytes.subspan(count);
    }
  }

  /// Syncs the complete file under its partial name; `io::publish` gives it its own. The hashes of the tensors are
  /// those without padding. Throws when bytes are missing.
  [[nodiscard]] shard_digest complete() {
    if (tensor_ != plan_.bytes.size())
      throw mismatch_error(target_.string(), place(), std::to_string(left_) + " more bytes", "the end");
    const shard_digest written = out_.finish();
    shard_digest digest{written.file, {}};
    for (std::size_t i = 0; i < plan_.bytes.size(); ++i) digest.tensors.push_back(written.tensors.at(2 * i));
    return digest;
  }

  /// The same, and gives the file its name; returns its hash.
  [[nodiscard]] sha256_digest finish() {
    const shard_digest digest = complete();
    io::publish(target_);
    return digest.file;
  }

 private:
  [[nodiscard]] std::string place() const { return tensor_ < names_.size() ? printable(names_[tensor_]) : ""; }

  /// Steps to the next tensor that has bytes.
  void begin_tensor() {
    for (; tensor_ < plan_.bytes.size(); pad()) {
      out_.begin_tensor();
      left_ = plan_.bytes[tensor_];
      if (left_ != 0) return;
    }
  }

  /// The padding of a tensor is hashed apart from it.
  void pad() {
    const std::string zeros(plan_.padding[tensor_], '\0');
    out_.begin_tensor();
    out_.append(std::as_bytes(std::span{zeros}));
    ++tensor_;
  }

  void end_tensor() {
    pad();
    begin_tensor();
  }

  std::filesystem::path target_;
  gguf_plan plan_;
  std::vector<std::string> names_;
  std::size_t tensor_ = 0;  ///< that is being written
  std::size_t left_ = 0;    ///< of its bytes
  shard_writer out_;
};

}  // namespace tulu::checkpoint
