#pragma once

#include <iostream>
#include <string>
#include <string_view>

#include "byte_source.hpp"

namespace cli {

enum class line_status { read, end, interrupted };

/// A line without its end, or with `interrupted` what of it was already there.
struct input_line {
  line_status status = line_status::end;
  std::string text{};
};

/// Whoever hands over line after line of what is typed or piped in.
class line_reader {
 public:
  line_reader() = default;
  line_reader(const line_reader&) = delete;
  line_reader& operator=(const line_reader&) = delete;
  virtual ~line_reader() = default;

  [[nodiscard]] virtual input_line read(std::string_view prompt) = 0;
  /// Keeps a whole message for the arrow keys.
  virtual void remember(const std::string&) {}
};

/// Lines as they come: from a pipe, or from a terminal in a build without libedit.
class plain_reader : public line_reader {
 public:
  plain_reader(int fd, interrupts& signals, bool shows_prompt) : bytes_{fd, signals}, shows_prompt_{shows_prompt} {}

  /// The last line need not have an end; a CR before the end belongs to it.
  [[nodiscard]] input_line read(std::string_view prompt) override {
    if (shows_prompt_) std::cerr << prompt << std::flush;
    input_line line;
    for (;;) {
      char byte = 0;
      switch (bytes_.next(byte)) {
        case input_event::interrupted:
          line.status = line_status::interrupted;
          return line;
        case input_event::end:
          line.status = line.text.empty() ? line_status::end : line_status::read;
          return line;
        case input_event::byte:
          break;
        default:
          continue;
      }
      if (byte == '\n') break;
      line.text += byte;
    }
    if (line.text.ends_with('\r')) line.text.pop_back();
    line.status = line_status::read;
    return line;
  }

 private:
  byte_source bytes_;
  bool shows_prompt_;
};

}  // namespace cli
