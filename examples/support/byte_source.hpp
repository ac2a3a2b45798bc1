#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include <poll.h>
#include <unistd.h>

#include "interrupts.hpp"

namespace cli {

enum class input_event { byte, end, interrupted, resized, continued };

/// Bytes from a file descriptor, and the signals that come while it waits for them.
class byte_source {
 public:
  byte_source(int fd, interrupts& signals) : fd_{fd}, signals_{signals} {}

  /// The next byte, in `byte`, or what came before it. A read that fails is the end. After
  /// SIGTERM nothing more is read.
  [[nodiscard]] input_event next(char& byte) {
    for (;;) {
      if (signals_.terminated()) return input_event::interrupted;
      while (signals_.waiting()) {
        const int number = signals_.take();
        if (number == SIGINT) return input_event::interrupted;
        if (number == SIGWINCH) return input_event::resized;
        if (number == SIGCONT) return input_event::continued;
      }
      if (at_ < size_) {
        byte = buffer_[at_++];
        return input_event::byte;
      }
      if (!fill()) return input_event::end;
    }
  }

 private:
  /// Waits for bytes or a signal; false at the end.
  [[nodiscard]] bool fill() {
    std::array<pollfd, 2> waits{{{fd_, POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) return errno == EINTR;
    if (waits[0].revents == 0) return true;
    const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    at_ = 0;
    size_ = static_cast<std::size_t>(count);
    return size_ != 0;
  }

  int fd_;
  interrupts& signals_;
  std::array<char, 4096> buffer_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
};

}  // namespace cli
