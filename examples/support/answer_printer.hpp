#pragma once

#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>

namespace cli {

/// `text`, well-formed UTF-8, without what a terminal would take for a command: control characters but for line ends
/// and tabs become U+FFFD.
[[nodiscard]] inline std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const tulu::utf8_char next = tulu::read_utf8(text);
    const bool control =
        (next.code < 0x20 && next.code != '\n' && next.code != '\t') || (next.code >= 0x7f && next.code < 0xa0);
    tulu::append_utf8(out, control ? tulu::replacement_character : next.code);
    text.remove_prefix(next.length);
  }
  return out;
}

/// Writes one answer to stdout as it comes, and ends it with one newline, whatever line ends the answer ends with.
class answer_printer {
 public:
  explicit answer_printer(bool on_terminal) : on_terminal_{on_terminal} {}

  /// False when it cannot be written.
  bool operator()(std::string_view text) {
    const std::size_t kept = text.find_last_not_of('\n') + 1;
    if (kept != 0) {
      std::cout << held_ << (on_terminal_ ? harmless(text.substr(0, kept)) : std::string{text.substr(0, kept)})
                << std::flush;
      held_.clear();
    }
    held_ += text.substr(kept);
    begun_ = true;
    return static_cast<bool>(std::cout);
  }

  /// Whether there was any text.
  [[nodiscard]] bool begun() const noexcept { return begun_; }

  /// Throws when the answer could not be written.
  void finish() {
    std::cout << std::endl;
    if (!std::cout) throw tulu::error{"standard output: cannot write"};
  }

 private:
  bool on_terminal_;
  bool begun_ = false;
  std::string held_{};  ///< line ends that nothing has followed yet
};

}  // namespace cli
