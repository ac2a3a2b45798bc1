#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tulu::test {

/// The low `width` bytes of `value`, lowest first.
[[nodiscard]] inline std::string little(std::uint64_t value, std::size_t width) {
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

/// An entry to write: the fields after `data` make it strange or wrong.
struct zip_item {
  std::string name;
  std::string data;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::size_t local_extra = 0;  ///< bytes of padding in the local header
  std::optional<std::string> local_name{};
  std::optional<std::uint32_t> local_size{};
  std::optional<std::uint32_t> claimed_size{};  ///< in the directory
  bool wide = false;                            ///< zip64 fields in the directory
};

/// Writes zip archives by hand, byte for byte.
class zip_builder {
 public:
  zip_builder& add(const zip_item& item) {
    const std::size_t begin = body_.size();
    const std::uint64_t size = item.data.size();
    const std::string name = item.local_name.value_or(item.name);
    const std::uint64_t local_size = item.local_size.value_or(static_cast<std::uint32_t>(size));
    body_ += "PK\3\4" + little(20, 2) + little(item.flags, 2) + little(item.method, 2) + std::string(8, '\0') +
             little(local_size, 4) + little(local_size, 4) + little(name.size(), 2) + little(item.local_extra, 2) +
             name + std::string(item.local_extra, 'Z') + item.data;
    const std::uint64_t claimed = item.wide ? 0xffffffff : item.claimed_size.value_or(static_cast<std::uint32_t>(size));
    const std::string extra =
        item.wide ? little(1, 2) + little(24, 2) + little(size, 8) + little(size, 8) + little(begin, 8) : "";
    directory_ += "PK\1\2" + little(20, 2) + little(20, 2) + little(item.flags, 2) + little(item.method, 2) +
                  std::string(8, '\0') + little(claimed, 4) + little(claimed, 4) + little(item.name.size(), 2) +
                  little(extra.size(), 2) + std::string(10, '\0') + little(item.wide ? 0xffffffff : begin, 4) +
                  item.name + extra;
    ++count_;
    return *this;
  }

  [[nodiscard]] std::size_t directory_offset() const { return body_.size(); }

  [[nodiscard]] std::string finish(std::string_view comment = "") const {
    return body_ + directory_ + "PK\5\6" + std::string(4, '\0') + little(count_, 2) + little(count_, 2) +
           little(directory_.size(), 4) + little(body_.size(), 4) + little(comment.size(), 2) + std::string{comment};
  }

  [[nodiscard]] std::string finish64() const {
    const std::string record = "PK\6\6" + little(44, 8) + little(45, 2) + little(45, 2) + std::string(8, '\0') +
                               little(count_, 8) + little(count_, 8) + little(directory_.size(), 8) +
                               little(body_.size(), 8);
    return body_ + directory_ + record + "PK\6\7" + std::string(4, '\0') + little(body_.size() + directory_.size(), 8) +
           little(1, 4) + "PK\5\6" + std::string(4, '\0') + little(0xffffffff, 4) + little(~0ULL, 8) + little(0, 2);
  }

 private:
  std::string body_;
  std::string directory_;
  std::uint64_t count_ = 0;
};

}  // namespace tulu::test
