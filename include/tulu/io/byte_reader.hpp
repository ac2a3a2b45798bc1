#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>

namespace tulu::io {

/// A cursor over bytes that belong to someone else. Every read is checked against the end; `name` (a file, outliving
/// the reader) stands first in the error. Numbers are little-endian unless the function says otherwise.
class byte_reader {
 public:
  byte_reader(std::span<const std::byte> bytes, std::string_view name) noexcept : bytes_{bytes}, name_{name} {}

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  [[nodiscard]] bool at_end() const noexcept { return remaining() == 0; }

  /// The next `count` bytes, as a view.
  [[nodiscard]] std::span<const std::byte> take(std::size_t count) {
    if (count > remaining())
      throw mismatch_error(name_, "byte " + std::to_string(position_), std::to_string(count) + " bytes",
                           std::to_string(remaining()) + " until the end");
    const auto out = bytes_.subspan(position_, count);
    position_ += count;
    return out;
  }

  [[nodiscard]] std::string_view take_text(std::size_t count) {
    const auto out = take(count);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }

  template <std::unsigned_integral Number>
  [[nodiscard]] Number take_number() {
    const auto raw = take(sizeof(Number));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) value |= std::to_integer<std::uint64_t>(raw[i]) << (8 * i);
    return static_cast<Number>(value);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::size_t position_ = 0;
};

}  // namespace tulu::io
