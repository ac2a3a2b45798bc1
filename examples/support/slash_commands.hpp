#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

enum class command : std::uint8_t { system, save, load, regen, undo, clear, set, stats, help, exit };

/// A command as /help shows it.
struct command_entry {
  command what;
  std::string_view word;
  std::string_view arguments;
  std::string_view help;
};

inline constexpr std::array commands{
    command_entry{command::system, "system", "[TEXT]",
                  "set the system message for the answers to come; \"\": none; alone: show it"},
    command_entry{command::save, "save", "FILE", "save the conversation"},
    command_entry{command::load, "load", "FILE", "take up a saved conversation"},
    command_entry{command::regen, "regen", "", "answer the last message anew"},
    command_entry{command::undo, "undo", "", "take back the last message and its answer"},
    command_entry{command::clear, "clear", "", "forget the conversation, but not the system message"},
    command_entry{command::set, "set", "[NAME VALUE]", "change a setting for the answers to come; alone: show all"},
    command_entry{command::stats, "stats", "", "what the last answer and the conversation took"},
    command_entry{command::help, "help", "", "this list"},
    command_entry{command::exit, "exit", "", "leave (also /quit and Ctrl-D)"},
    command_entry{command::exit, "quit", "", ""},
};

/// A message that is a command: its word without the slash, and what follows.
struct command_line {
  std::string_view word;
  std::string_view argument;
};

/// The command that `message` is: a slash and letters, alone or followed by whitespace. "/usr/bin" is none.
[[nodiscard]] inline std::optional<command_line> parse_command(std::string_view message) noexcept {
  constexpr std::string_view space = " \t\r\n";
  if (!message.starts_with('/')) return std::nullopt;
  message.remove_prefix(1);
  const std::string_view word = message.substr(0, message.find_first_of(space));
  const bool letters = std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '?'; });
  if (word.empty() || !letters) return std::nullopt;
  std::string_view argument = message.substr(word.size());
  argument.remove_prefix(std::min(argument.find_first_not_of(space), argument.size()));
  return command_line{word, argument.substr(0, argument.find_last_not_of(space) + 1)};
}

/// What a message that is no command says: a second slash at its start stands for a first.
[[nodiscard]] inline std::string_view without_escape(std::string_view message) noexcept {
  return message.starts_with("//") ? message.substr(1) : message;
}

/// Levenshtein's distance: how many characters have to be put in, left out or changed.
[[nodiscard]] inline std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The name in `names`, which are some, that is most like `word`; one that begins with it before others.
template <class Names>
[[nodiscard]] std::string_view nearest_name(std::string_view word, const Names& names) {
  const auto score = [word](std::string_view name) {
    return name.starts_with(word) ? 0 : edit_distance(word, name) + 1;
  };
  return *std::min_element(names.begin(), names.end(), [&](auto a, auto b) { return score(a) < score(b); });
}

[[nodiscard]] inline const command_entry* find_command(std::string_view word) noexcept {
  const auto* found =
      std::find_if(commands.begin(), commands.end(), [word](const auto& entry) { return entry.word == word; });
  return found == commands.end() ? nullptr : found;
}

[[nodiscard]] inline std::string_view nearest_command(std::string_view word) {
  std::vector<std::string_view> words;
  for (const command_entry& entry : commands) words.push_back(entry.word);
  return nearest_name(word, words);
}

/// The lines of /help.
[[nodiscard]] inline std::string command_help() {
  std::string text;
  for (const command_entry& entry : commands) {
    if (entry.help.empty()) continue;
    std::string line = "/";
    line += entry.word;
    if (!entry.arguments.empty()) line.append(" ").append(entry.arguments);
    line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
    text.append(line).append(entry.help) += '\n';
  }
  return text +
         "A message of several lines: end a line with \\, or put the lines between two lines of \"\"\".\n"
         "A message that begins with a slash: begin it with two.\n";
}

}  // namespace cli
