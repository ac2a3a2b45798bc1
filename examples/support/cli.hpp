#pragma once

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <pthread.h>
#include <unistd.h>

#include <tulu/core/error.hpp>
#include <tulu/version.hpp>

/// What the programs share: the options that each has, the exit codes, Ctrl-C.
namespace cli {

enum exit_code : int { done = 0, failed = 1, wrong_command_line = 2, interrupted = 130 };

/// The options that every program takes.
struct common_options {
  std::size_t threads = 0;
  bool quiet = false;
};

inline void add_common_options(CLI::App& app, common_options& options) {
  app.add_option("--threads", options.threads, "Threads to use (default: one per processor)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--quiet", options.quiet, "Print nothing but results, warnings and errors");
  app.set_version_flag("--version", app.get_name() + " " + tulu::version_string);
}

/// Replaces `-` by `_` in an option name: the two are the same to a user.
[[nodiscard]] inline std::string folded(std::string_view name) {
  std::string out{name};
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

/// An option of the command line, and its name as `app` declares it.
struct declared_option {
  const CLI::Option* option = nullptr;
  std::string name{};
};

/// The option with the long name `name`, if there is one.
[[nodiscard]] inline declared_option find_declared(const CLI::App& app, std::string_view name) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& declared : option->get_lnames())
      if (folded(declared) == folded(name)) return {option, declared};
  return {};
}

/// The command line with each option spelled as `app` declares it and each `--name=value` but a flag's in two, last
/// argument first, as CLI11 parses it: of `--name=` alone it would take the next argument for the value.
[[nodiscard]] inline std::vector<std::string> spelled_as_declared(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> out;
  bool value_follows = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t length = std::min(argument.find('='), argument.size());
    const auto [option, name] = value_follows || !argument.starts_with("--")
                                    ? declared_option{}
                                    : find_declared(app, argument.substr(2, length - 2));
    const bool takes_value = option != nullptr && option->get_items_expected_max() > 0;
    const std::string_view rest = argument.substr(length);
    if (option == nullptr) {
      out.emplace_back(argument);
    } else if (takes_value && !rest.empty()) {
      out.insert(out.end(), {"--" + name, std::string{rest.substr(1)}});
    } else {
      out.push_back(("--" + name).append(rest));
    }
    value_follows = takes_value && rest.empty();
  }
  std::reverse(out.begin(), out.end());
  return out;
}

/// Parses the command line; an exit code when the program has nothing left to do.
[[nodiscard]] inline std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(spelled_as_declared(app, argc, argv));
    return std::nullopt;
  } catch (const CLI::ParseError& end) {
    if (end.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(end);
    std::cerr << "error: " << end.what() << "\nRun " << app.get_name() << " --help for the options.\n";
    return wrong_command_line;
  }
}

/// Accepts one of `names`; the message of another value lists them.
template <class Names>
[[nodiscard]] CLI::Validator one_of(const Names& names) {
  std::string list;
  for (const auto& name : names) list.append(list.empty() ? "" : ", ").append(name);
  return CLI::Validator{[names, list](const std::string& value) {
                          const bool known = std::find(names.begin(), names.end(), value) != names.end();
                          return known ? std::string{} : "unknown name " + value + ", expected one of: " + list;
                        },
                        list};
}

/// "5GB" (10^9), "500MiB" (2^20), "1000" → bytes; nothing for anything else and for zero.
[[nodiscard]] inline std::optional<std::size_t> parse_size(std::string_view text) {
  std::size_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0; ++digits) {
    const std::size_t digit = static_cast<std::size_t>(text[digits] - '0');
    if (value > (std::numeric_limits<std::size_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  std::string unit{text.substr(digits)};
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::string_view prefixes = "KMGT";
  std::size_t factor = 1;
  if (!unit.empty() && unit != "B") {
    const std::size_t power = prefixes.find(unit.front());
    const bool binary = unit.substr(1) == "IB";
    if (power == std::string_view::npos || (!binary && unit.substr(1) != "B")) return std::nullopt;
    for (std::size_t i = 0; i <= power; ++i) factor *= binary ? 1024 : 1000;
  }
  if (digits == 0 || value == 0 || value > std::numeric_limits<std::size_t>::max() / factor) return std::nullopt;
  return value * factor;
}

/// A stop token that the first Ctrl-C triggers; the second ends the program at once. Call it before other threads
/// start.
[[nodiscard]] inline std::stop_token stop_on_interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::stop_source source;
  std::thread{[signals, source]() mutable {
    for (int count = 0;; ++count) {
      int which = 0;
      if (sigwait(&signals, &which) != 0) continue;
      if (count > 0) ::_exit(interrupted);
      source.request_stop();
    }
  }}.detach();
  return source.get_token();
}

/// One line for each, what comes from files made printable.
inline void print_warnings(std::span<const std::string> warnings) {
  for (const std::string& warning : warnings) std::cerr << "warning: " << tulu::printable(warning, 1000) << '\n';
}

/// Runs a program's work: an error becomes one line on stderr and the exit code. `on_interrupt` is the line after
/// Ctrl-C.
template <class Work>
[[nodiscard]] int guarded(Work&& work, std::string_view on_interrupt = "interrupted") {
  try {
    work();
    std::cout.flush();
    if (!std::cout) throw tulu::error{"standard output: cannot write"};
    return done;
  } catch (const tulu::cancelled&) {
    std::cerr << on_interrupt << '\n';
    return interrupted;
  } catch (const std::exception& problem) {
    std::cerr << "error: " << tulu::printable(problem.what(), 4000) << '\n';
    return failed;
  }
}

}  // namespace cli
