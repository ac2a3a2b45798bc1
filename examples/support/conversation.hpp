#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "answer_printer.hpp"
#include "chat_settings.hpp"
#include "interrupts.hpp"
#include "slash_commands.hpp"
#include <tulu/core/error.hpp>
#include <tulu/generation/chat_session.hpp>
#include <tulu/generation/session_file.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/sampling/nan_logits.hpp>

namespace cli {

/// How a conversation is shown.
struct conversation_style {
  bool quiet = false;        ///< no statistics
  bool interactive = false;  ///< with somebody who can go on after Ctrl-C
  bool checked = false;      ///< all weights were looked at
};

/// A chat on the console: answers on stdout, everything else on stderr.
class conversation {
 public:
  using session_type = tulu::chat_session<tulu::llama_model>;

  conversation(session_type& session, interrupts& signals, conversation_style style)
      : session_{session}, signals_{signals}, style_{style} {}

  /// Answers a message. False when Ctrl-C stopped the answer; with nobody who can go on also when it came too late
  /// for that.
  bool say(std::string text) {
    return show(
        [&](auto& print, std::stop_token stop) { return session_.reply(std::move(text), print, std::move(stop)); });
  }

  /// Carries out a command. False when it is to leave. Throws when it cannot be done.
  bool carry_out(const command_line& line) {
    const command_entry* const entry = find_command(line.word);
    if (entry == nullptr)
      throw tulu::error{"unknown command /" + std::string{line.word} + ", did you mean /" +
                        std::string{nearest_command(line.word)} + "? /help lists them"};
    if (entry->arguments.empty() && !line.argument.empty())
      throw tulu::error{"/" + std::string{line.word} + " takes nothing after it"};
    switch (entry->what) {
      case command::system:
        system(line.argument);
        break;
      case command::save:
        save(file_of(line));
        break;
      case command::load:
        load(file_of(line));
        break;
      case command::regen:
        regenerate();
        break;
      case command::undo:
        note(session_.undo() ? "taken back: " + size() : "there is nothing to take back");
        break;
      case command::clear:
        session_.clear();
        note("forgotten: " + size());
        break;
      case command::set:
        set(line.argument);
        break;
      case command::stats:
        std::cerr << statistics();
        break;
      case command::help:
        std::cerr << command_help() << "Settings: " << names_of_settings() << '\n';
        break;
      case command::exit:
        return false;
    }
    return true;
  }

 private:
  template <class Respond>
  bool show(Respond&& respond) {
    try {
      return show_answer(respond);
    } catch (const tulu::nan_logits& problem) {
      if (style_.checked) throw;
      throw tulu::error{std::string{problem.what()} + "; --check-tensors looks for weights that are NaN or infinite"};
    }
  }

  /// Lets `respond` answer, and shows the answer, what was dropped for it and what it took.
  template <class Respond>
  bool show_answer(Respond& respond) {
    answer_printer print{::isatty(STDOUT_FILENO) == 1};
    tulu::reply_result result;
    std::stop_token asked;
    {
      const interrupts::work answering{signals_, !style_.interactive};
      asked = answering.token();
      try {
        result = respond(print, answering.token());
      } catch (...) {
        if (print.begun()) print.finish();
        throw;
      }
    }
    const bool stopped = result.reason == tulu::end_reason::cancelled;
    if (print.begun() || !stopped) print.finish();
    warn(result);
    if (!style_.quiet) dim(statistics_of(result.stats) + (stopped ? ", stopped" : ""));
    return !stopped && (style_.interactive || !asked.stop_requested());
  }

  void warn(const tulu::reply_result& result) const {
    if (result.newly_dropped != 0)
      std::cerr << "warning: the context is full: the oldest " << result.dropped_messages
                << (result.dropped_messages == 1 ? " message is" : " messages are") << " left out from now on\n";
    if (result.reason == tulu::end_reason::context_full)
      std::cerr << "warning: the answer ends here because the context of " << session_.source().cache().capacity()
                << " tokens is full\n";
  }

  void system(std::string_view text) {
    if (!text.empty()) session_.set_system(text == "\"\"" ? std::string{} : std::string{text});
    note(session_.system().empty() ? "no system message" : "system message: " + std::string{session_.system()});
  }

  /// Replaces no file but one that was saved so.
  void save(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored) && !tulu::is_session_file(file))
      throw tulu::error{file.string() + ": is there and is no saved conversation: it is not replaced"};
    tulu::save_session(session_, file);
    note("saved " + file.string() + ": " + size());
  }

  void load(const std::filesystem::path& file) {
    const std::string format = tulu::load_session(session_, file);
    if (format != session_.format().name())
      std::cerr << "warning: the conversation was held in the format " << tulu::printable(format, 40) << ", not "
                << session_.format().name() << '\n';
    note("loaded " + file.string() + ": " + size());
  }

  void regenerate() {
    show([&](auto& print, std::stop_token stop) { return session_.regenerate(print, std::move(stop)); });
  }

  void set(std::string_view text) {
    tulu::generation_options options = session_.options();
    if (text.empty()) {
      std::cerr << harmless(all_settings(options));
      return;
    }
    const setting& changed = apply_setting(text, options);
    session_.set_options(options);
    if (changed.name == "seed") session_.random() = tulu::rng{options.sampling.seed};
    note(std::string{changed.name} + " = " + changed.show(options));
  }

  /// The argument of /save and /load, with a home for `~`.
  [[nodiscard]] static std::filesystem::path file_of(const command_line& line) {
    if (line.argument.empty()) throw tulu::error{"/" + std::string{line.word} + " needs the name of a file"};
    const char* const home = std::getenv("HOME");
    if (home == nullptr || !line.argument.starts_with("~/")) return line.argument;
    return std::filesystem::path{home} / line.argument.substr(2);
  }

  [[nodiscard]] std::string size() const {
    const std::size_t count = session_.messages().size();
    return "the conversation has " + std::to_string(count) + (count == 1 ? " message" : " messages");
  }

  [[nodiscard]] static std::string names_of_settings() {
    std::string names;
    for (const setting& each : settings) names.append(names.empty() ? "" : ", ").append(each.name);
    return names;
  }

  [[nodiscard]] static std::string statistics_of(const tulu::generation_stats& stats) {
    char text[300];
    const int size = std::snprintf(text, sizeof text,
                                   "%zu prompt tokens (%zu reused, %.1f tokens/s), %zu new tokens (%.1f tokens/s)",
                                   stats.prompt_tokens, stats.reused_tokens, stats.prefill_tokens_per_second(),
                                   stats.new_tokens, stats.decode_tokens_per_second());
    if (stats.drafted_tokens != 0)
      std::snprintf(text + size, sizeof text - static_cast<std::size_t>(size), ", %zu of %zu guessed ahead",
                    stats.accepted_tokens, stats.drafted_tokens);
    return text;
  }

  [[nodiscard]] std::string statistics() const {
    const auto& source = session_.source();
    const auto megabytes = [](std::size_t bytes) { return std::to_string((bytes + 500'000) / 1'000'000) + " MB"; };
    return "last answer: " + statistics_of(session_.stats()) + "\ncontext: " + std::to_string(source.cache().size()) +
           " of " + std::to_string(source.cache().capacity()) + " tokens; " + size() +
           "\nmemory: " + megabytes(source.cache().bytes()) + " cache, " + megabytes(source.model().workspace_bytes()) +
           " activations\n";
  }

  /// What a command did.
  void note(const std::string& text) const {
    if (!style_.quiet) dim(tulu::printable(text, 1000));
  }

  static void dim(const std::string& text) {
    const bool colours = ::isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    std::cerr << (colours ? "\033[2m" : "") << text << (colours ? "\033[0m\n" : "\n");
  }

  session_type& session_;
  interrupts& signals_;
  conversation_style style_;
};

}  // namespace cli
