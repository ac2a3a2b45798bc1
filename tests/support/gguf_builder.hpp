#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/checkpoint/gguf_value.hpp>

namespace tulu::test {

/// A number as its little-endian bytes.
template <class Number>
[[nodiscard]] std::string raw(Number value) {
  std::string bytes;
  checkpoint::detail::append_number(bytes, value);
  return bytes;
}

/// A length in 8 bytes, then the text.
[[nodiscard]] inline std::string raw_text(std::string_view text) {
  return raw(std::uint64_t{text.size()}).append(text);
}

/// A GGUF file, right or wrong, piece by piece. What is not set is as it should be.
class gguf_builder {
 public:
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> tensor_count{}, entry_count{};
  std::size_t alignment = 32;

  /// An entry whose type and value are these bytes.
  gguf_builder& raw_entry(std::string_view key, std::uint32_t type, std::string_view value) {
    entries_ += raw_text(key) + raw(type);
    entries_ += value;
    ++entries_written_;
    return *this;
  }
  template <class T>
  gguf_builder& entry(std::string_view key, const T& value) {
    const auto stored = checkpoint::gguf_value::of(value);
    return raw_entry(key, static_cast<std::uint32_t>(stored.type()), stored.bytes());
  }

  /// A tensor of these extents, the innermost first as in the file, of `bytes` bytes that count up from 0.
  gguf_builder& tensor(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                       std::size_t bytes, std::optional<std::uint64_t> offset = std::nullopt) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    infos_ += raw_text(name) + raw(static_cast<std::uint32_t>(extents.size()));
    for (const std::uint64_t extent : extents) infos_ += raw(extent);
    infos_ += raw(type) + raw(offset.value_or(data_.size()));
    for (std::size_t i = 0; i < bytes; ++i) data_ += static_cast<char>(i);
    ++tensors_written_;
    return *this;
  }
  gguf_builder& more_data(std::string_view bytes) {
    data_ += bytes;
    return *this;
  }

  /// Everything before the padding and the data.
  [[nodiscard]] std::string header() const {
    return magic + raw(version) + raw(tensor_count.value_or(tensors_written_)) +
           raw(entry_count.value_or(entries_written_)) + entries_ + infos_;
  }
  [[nodiscard]] std::string bytes() const {
    std::string file = header();
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

 private:
  std::string entries_, infos_, data_;
  std::uint64_t entries_written_ = 0, tensors_written_ = 0;
};

/// The metadata of a LLaMA model without layers' tensors, and its embedding of 5 rows of 8 in float32.
[[nodiscard]] inline gguf_builder small_gguf() {
  gguf_builder file;
  file.entry("general.architecture", "llama")
      .entry("llama.embedding_length", std::uint32_t{8})
      .entry("llama.feed_forward_length", std::uint32_t{12})
      .entry("llama.block_count", std::uint32_t{1})
      .entry("llama.context_length", std::uint32_t{64})
      .entry("llama.attention.head_count", std::uint32_t{4})
      .entry("llama.attention.layer_norm_rms_epsilon", 1e-5F)
      .tensor("token_embd.weight", {8, 5}, 0, 160);
  return file;
}

}  // namespace tulu::test
