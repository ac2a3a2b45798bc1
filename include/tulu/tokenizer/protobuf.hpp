#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>

namespace tulu::detail {

/// Reads one message of the protobuf wire format, field by field, from bytes that belong to someone else:
///
///     while (reader.next())
///       if (reader.field() == 3) type = reader.number("model_type");
///
/// A value that is not read is skipped by `next`. Fields may come in any order and repeatedly; what that means is the
/// caller's business. Errors name the file, the byte in it and the field. Groups, which proto2 deprecated long ago, and
/// field numbers beyond 2^29 - 1 are refused. The names given must outlive the reader.
class protobuf_reader {
 public:
  enum class wire_type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  protobuf_reader(std::span<const std::byte> message, std::string_view file) noexcept
      : protobuf_reader{message, file, {}, 0} {}

  /// Goes to the next field; false at the end of the message.
  [[nodiscard]] bool next() {
    if (unread_) skip();
    value_begin_ = position_;
    if (position_ == message_.size()) return false;
    const std::uint64_t key = read_varint("field key");
    if (position_ - value_begin_ > 5) throw failure("field key", "at most 5 bytes", "more");
    if (key > 0xFFFFFFFF || key >> 3 == 0)
      throw failure("field key", "a field number from 1 to 536870911", std::to_string(key >> 3));
    field_ = static_cast<std::uint32_t>(key >> 3);
    const auto type = static_cast<unsigned>(key & 7);
    if (type == 3 || type == 4) throw failure({}, "a value", "a group");
    if (type > 5) throw failure({}, "a wire type from 0 to 5", std::to_string(type));
    type_ = static_cast<wire_type>(type);
    value_begin_ = position_;
    unread_ = true;
    return true;
  }

  /// All bytes of this message.
  [[nodiscard]] std::string_view content() const noexcept {
    return {reinterpret_cast<const char*>(message_.data()), message_.size()};
  }
  /// The number of the current field.
  [[nodiscard]] std::uint32_t field() const noexcept { return field_; }
  [[nodiscard]] wire_type type() const noexcept { return type_; }

  // The value of the current field, once. `name` is the field's, for messages; another wire type is an error.

  /// int32, int64, uint32, uint64 (negative numbers as two's complement of 64 bits), bool, enum.
  [[nodiscard]] std::uint64_t number(std::string_view name) {
    begin_value(name, wire_type::varint);
    return read_varint(name);
  }
  [[nodiscard]] bool boolean(std::string_view name) { return number(name) != 0; }
  [[nodiscard]] std::uint32_t fixed32(std::string_view name) {
    begin_value(name, wire_type::fixed32);
    return static_cast<std::uint32_t>(read_fixed(name, 4));
  }
  [[nodiscard]] std::uint64_t fixed64(std::string_view name) {
    begin_value(name, wire_type::fixed64);
    return read_fixed(name, 8);
  }
  [[nodiscard]] float float32(std::string_view name) { return std::bit_cast<float>(fixed32(name)); }
  /// string, bytes, a packed repeated field.
  [[nodiscard]] std::string_view text(std::string_view name) {
    begin_value(name, wire_type::bytes);
    return read_text(name);
  }
  /// A message within this one; in errors its fields are named `name.FIELD`.
  [[nodiscard]] protobuf_reader message(std::string_view name) {
    const std::string_view content = text(name);
    return {std::as_bytes(std::span{content.data(), content.size()}), file_, name, base_ + position_ - content.size()};
  }

  /// The error for the value of the current field, read or not. A field without a name is called by its number.
  [[nodiscard]] error failure(std::string_view name, std::string_view expected, std::string_view found) const {
    std::string place = "byte " + std::to_string(base_ + value_begin_) + ": ";
    if (!within_.empty()) place.append(within_).append(".");
    if (name.empty()) {
      place.append("field ").append(std::to_string(field_));
    } else {
      place.append(name);
    }
    return mismatch_error(file_, place, expected, found);
  }

 private:
  protobuf_reader(std::span<const std::byte> message, std::string_view file, std::string_view within,
                  std::size_t base) noexcept
      : message_{message}, file_{file}, within_{within}, base_{base} {}

  void begin_value(std::string_view name, wire_type expected) {
    if (type_ != expected) throw failure(name, describe(expected), describe(type_));
    unread_ = false;
  }

  [[nodiscard]] std::uint64_t read_varint(std::string_view name) {
    if (position_ < message_.size()) {
      const auto first = std::to_integer<std::uint64_t>(message_[position_]);
      if (first < 0x80) return ++position_, first;
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (position_ == message_.size()) throw failure(name, "a whole number", "the end of the message");
      const auto next = std::to_integer<std::uint64_t>(message_[position_++]);
      if (shift == 63 && next > 1) break;
      value |= (next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
    throw failure(name, "a number of at most 64 bits", "a longer one");
  }

  [[nodiscard]] std::uint64_t read_fixed(std::string_view name, std::size_t count) {
    const std::string_view raw = take(name, count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    return value;
  }

  [[nodiscard]] std::string_view read_text(std::string_view name) { return take(name, read_varint(name)); }

  [[nodiscard]] std::string_view take(std::string_view name, std::uint64_t count) {
    const std::size_t left = message_.size() - position_;
    if (count > left)
      throw failure(name, std::to_string(count) + " bytes", std::to_string(left) + " until the end of the message");
    const auto out = message_.subspan(position_, static_cast<std::size_t>(count));
    position_ += out.size();
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }

  void skip() {
    unread_ = false;
    switch (type_) {
      case wire_type::varint:
        static_cast<void>(read_varint({}));
        return;
      case wire_type::fixed64:
        static_cast<void>(take({}, 8));
        return;
      case wire_type::bytes:
        static_cast<void>(read_text({}));
        return;
      case wire_type::fixed32:
        static_cast<void>(take({}, 4));
        return;
    }
  }

  [[nodiscard]] static std::string_view describe(wire_type type) noexcept {
    switch (type) {
      case wire_type::varint:
        return "a number";
      case wire_type::fixed64:
        return "a 64-bit value";
      case wire_type::bytes:
        return "bytes";
      default:
        return "a 32-bit value";
    }
  }

  std::span<const std::byte> message_;
  std::string_view file_;
  std::string_view within_;
  std::size_t base_;  ///< where the message begins in the file
  std::size_t position_ = 0;
  std::size_t value_begin_ = 0;
  std::uint32_t field_ = 0;
  wire_type type_ = wire_type::varint;
  bool unread_ = false;
};

}  // namespace tulu::detail
