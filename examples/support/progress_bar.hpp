#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace cli {

/// 5380000000 → "5.38 GB".
[[nodiscard]] inline std::string human_bytes(double bytes) {
  constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit) bytes /= 1000;
  char text[32];
  std::snprintf(text, sizeof text,
                bytes < 10 && unit > 0    ? "%.2f %s"
                : bytes < 100 && unit > 0 ? "%.1f %s"
                                          : "%.0f %s",
                bytes, units[unit]);
  return text;
}

/// Share, rate and time left on one line of a terminal, redrawn ten times a second; silent when stderr is none. What is
/// counted are bytes, or things that are called `unit`.
class progress_bar {
 public:
  explicit progress_bar(bool wanted, std::string unit = {})
      : shown_{wanted && ::isatty(STDERR_FILENO) == 1}, unit_{std::move(unit)} {}
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() { clear(); }

  void update(std::size_t done, std::size_t total) {
    const auto now = clock::now();
    if (!shown_ || total == 0 || (drawn_ && now - last_ < std::chrono::milliseconds{100} && done != total)) return;
    last_ = now;
    drawn_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    const double share = static_cast<double>(done) / static_cast<double>(total);
    const auto left = rate > 0 ? static_cast<long>(static_cast<double>(total - done) / rate) : 0;
    const std::string bar(static_cast<std::size_t>(share * 30), '=');
    std::fprintf(stderr, "\r\033[K%3.0f%% [%-30s] %s of %s, %s/s, %ld:%02ld left", share * 100, bar.c_str(),
                 amount(static_cast<double>(done), 0, {}).c_str(), amount(static_cast<double>(total), 0, unit_).c_str(),
                 amount(rate, 2, unit_).c_str(), left / 60, left % 60);
  }

  /// Leaves the line empty for what is printed next; work that follows is timed from here.
  void clear() {
    if (drawn_) std::fputs("\r\033[K", stderr);
    drawn_ = false;
    start_ = clock::now();
  }

 private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] std::string amount(double count, int decimals, const std::string& unit) const {
    if (unit_.empty()) return human_bytes(count);
    char text[48];
    std::snprintf(text, sizeof text, "%.*f", decimals, count);
    return unit.empty() ? text : text + (" " + unit);
  }

  bool shown_;
  std::string unit_;
  bool drawn_ = false;
  clock::time_point start_ = clock::now();
  clock::time_point last_ = start_;
};

}  // namespace cli
