#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace cli {

namespace detail {

/// What the thread that waits for signals shares with the others.
struct signal_state {
  std::mutex mutex{};
  std::stop_source source{};
  bool working = false;
  bool second_ends_program = false;
  std::atomic<bool> terminated = false;
  std::atomic<int> waiting = 0;
  int pipe[2] = {-1, -1};

  signal_state() {
    if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
  }
  signal_state(const signal_state&) = delete;
  signal_state& operator=(const signal_state&) = delete;
  ~signal_state() {
    ::close(pipe[0]);
    ::close(pipe[1]);
  }

  void deliver(int number) {
    const std::lock_guard lock{mutex};
    const bool ends = number == SIGINT || number == SIGTERM;
    if (number == SIGTERM) terminated = true;
    if (working && ends) {
      if (!source.request_stop() && second_ends_program) ::_exit(128 + SIGINT);
      return;
    }
    const auto byte = static_cast<unsigned char>(number);
    if (::write(pipe[1], &byte, 1) == 1) ++waiting;
  }
};

}  // namespace detail

/// The signals of a program that talks to somebody: Ctrl-C and SIGTERM, the window's new size, going on after Ctrl-Z.
///
/// While work is under way, Ctrl-C and SIGTERM stop it; at any other time a signal waits until it is taken, and `fd`
/// becomes readable, so that whoever waits for input sees it. One per program, made before other threads start.
class interrupts {
 public:
  interrupts() : state_{std::make_shared<detail::signal_state>()} {
    sigset_t watched;
    sigemptyset(&watched);
    for (const int number : {SIGINT, SIGTERM, SIGWINCH, SIGCONT}) sigaddset(&watched, number);
    pthread_sigmask(SIG_BLOCK, &watched, nullptr);
    std::thread{[watched, shared = state_] {
      for (int number = 0;;)
        if (sigwait(&watched, &number) == 0) shared->deliver(number);
    }}.detach();
  }

  /// The time during which a piece of work is what Ctrl-C stops.
  class work {
   public:
    explicit work(interrupts& signals, bool second_ends_program) : state_{signals.state_} {
      const std::lock_guard lock{state_->mutex};
      state_->source = std::stop_source{};
      state_->second_ends_program = second_ends_program;
      state_->working = true;
      token_ = state_->source.get_token();
    }
    work(const work&) = delete;
    work& operator=(const work&) = delete;
    ~work() {
      const std::lock_guard lock{state_->mutex};
      state_->working = false;
    }

    [[nodiscard]] const std::stop_token& token() const noexcept { return token_; }
    [[nodiscard]] bool stopped() const noexcept { return token_.stop_requested(); }

   private:
    std::shared_ptr<detail::signal_state> state_;
    std::stop_token token_{};
  };

  /// Whether SIGTERM has come.
  [[nodiscard]] bool terminated() const noexcept { return state_->terminated; }
  /// Whether a signal waits to be taken.
  [[nodiscard]] bool waiting() const noexcept { return state_->waiting > 0; }
  /// Readable while a signal waits.
  [[nodiscard]] int fd() const noexcept { return state_->pipe[0]; }

  /// The number of the signal that has waited longest; 0 when none does.
  [[nodiscard]] int take() noexcept {
    unsigned char number = 0;
    if (::read(state_->pipe[0], &number, 1) != 1) return 0;
    --state_->waiting;
    return number;
  }

 private:
  std::shared_ptr<detail::signal_state> state_;
};

}  // namespace cli
