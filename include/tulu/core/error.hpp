#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tulu {

/// Every failure of the library: bad input, failed I/O, an unsupported setting. The message is one line,
/// `FILE: PLACE: expected …, found …`, where PLACE (a tensor, a key, a byte offset) is left out when there is none.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown when the caller's stop token asked for the end. What was written is left as a partial output.
class cancelled : public error {
 public:
  cancelled() : error{"cancelled"} {}
};

/// The error for something other than what was expected, at `place` of `file`. `place` may be empty.
[[nodiscard]] inline error mismatch_error(std::string_view file, std::string_view place, std::string_view expected,
                                          std::string_view found) {
  std::string text{file};
  if (!place.empty()) text.append(": ").append(place);
  text.append(": expected ").append(expected).append(", found ").append(found);
  return error{text};
}

/// Names from files end up in messages: control characters are shown as `\xNN` and a long text is cut in the middle.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t longest = 200) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() > longest && i == longest / 2) {
      out += "...";
      i = text.size() - longest / 2;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != 0x7f) {
      out += text[i];
    } else {
      out.append("\\x").append(1, digits[c >> 4]).append(1, digits[c & 15]);
    }
  }
  return out;
}

}  // namespace tulu
