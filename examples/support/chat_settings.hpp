#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include "escapes.hpp"
#include "slash_commands.hpp"
#include <tulu/core/error.hpp>
#include <tulu/generation/generator.hpp>

namespace cli {

/// A setting of the answers to come: an option of the command line, and what /set changes.
struct setting {
  std::string_view name;
  std::string_view value;  ///< what the help calls its value
  std::string_view help;
  /// The value that `text` gives. Throws when it gives none; whether it is in range is checked with all the others.
  void (*assign)(const setting&, tulu::generation_options&, std::string_view text);
  std::string (*show)(const tulu::generation_options&);
};

namespace detail {

/// The whole of `text` as a number. Throws otherwise.
template <class Number>
[[nodiscard]] Number parse_number(const setting& which, std::string_view text) {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw tulu::mismatch_error(which.name, "", std::is_integral_v<Number> ? "a whole number" : "a number",
                               text.empty() ? "nothing" : tulu::printable(text, 40));
  return value;
}

template <class Number>
[[nodiscard]] std::string shown(Number value) {
  char digits[64];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// The setting that is a number among the sampling options.
template <auto Member>
[[nodiscard]] constexpr setting sampling_number(std::string_view name, std::string_view value, std::string_view help) {
  return {name, value, help,
          [](const setting& which, tulu::generation_options& options, std::string_view text) {
            auto& number = options.sampling.*Member;
            number = parse_number<std::remove_cvref_t<decltype(number)>>(which, text);
          },
          [](const tulu::generation_options& options) { return shown(options.sampling.*Member); }};
}

inline void assign_max_new_tokens(const setting& which, tulu::generation_options& options, std::string_view text) {
  options.max_new_tokens = text == "unlimited" ? tulu::unlimited : parse_number<std::size_t>(which, text);
}

[[nodiscard]] inline std::string show_max_new_tokens(const tulu::generation_options& options) {
  return options.max_new_tokens == tulu::unlimited ? "unlimited" : shown(options.max_new_tokens);
}

inline void assign_stop(const setting&, tulu::generation_options& options, std::string_view text) {
  options.stop.clear();
  if (!text.empty()) options.stop.push_back(unescaped(text));
}

[[nodiscard]] inline std::string show_stop(const tulu::generation_options& options) {
  std::string text;
  for (const std::string& each : options.stop) text.append(text.empty() ? "\"" : ", \"").append(escaped(each)) += '"';
  return text.empty() ? "none" : text;
}

}  // namespace detail

inline constexpr std::array settings{
    detail::sampling_number<&tulu::sampling_options::temperature>("temperature", "T", "0: always the likeliest token"),
    detail::sampling_number<&tulu::sampling_options::top_p>("top-p", "P", "Only the likeliest that reach P together"),
    detail::sampling_number<&tulu::sampling_options::top_k>("top-k", "K", "Only the K likeliest; 0: all"),
    detail::sampling_number<&tulu::sampling_options::min_p>("min-p", "P", "Only P times as likely as the likeliest"),
    detail::sampling_number<&tulu::sampling_options::repetition_penalty>("repetition-penalty", "R",
                                                                         "Above 1: less of what was there"),
    detail::sampling_number<&tulu::sampling_options::seed>("seed", "N", "Of the random numbers"),
    setting{"max-new-tokens", "N", "The longest answer in tokens", &detail::assign_max_new_tokens,
            &detail::show_max_new_tokens},
    setting{"lookup", "N", "Tokens guessed ahead from the text so far, 0 to 7; with temperature 0 alone",
            [](const setting& which, tulu::generation_options& options, std::string_view text) {
              options.lookup = detail::parse_number<std::size_t>(which, text);
            },
            [](const tulu::generation_options& options) { return detail::shown(options.lookup); }},
    setting{"stop", "TEXT", "Ends an answer; \\n, \\r, \\t and \\\\ in it are a line end, a CR, a tab and a backslash",
            &detail::assign_stop, &detail::show_stop},
};

/// Carries out `/set NAME VALUE`, the two separated by whitespace; `-` and `_` are the same in a name. Returns the
/// setting. Throws for an unknown name, which is told with the nearest known one, and for a value that does not fit;
/// `options` is then as before.
inline const setting& apply_setting(std::string_view text, tulu::generation_options& options) {
  std::string name{text.substr(0, text.find_first_of(" \t\n"))};
  text.remove_prefix(name.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
  std::replace(name.begin(), name.end(), '_', '-');
  const auto* found =
      std::find_if(settings.begin(), settings.end(), [&](const setting& each) { return each.name == name; });
  if (found == settings.end()) {
    std::vector<std::string_view> names;
    for (const setting& each : settings) names.push_back(each.name);
    throw tulu::error{"unknown setting " + tulu::printable(name, 40) + ", did you mean " +
                      std::string{nearest_name(name, names)} + "?"};
  }
  tulu::generation_options changed = options;
  found->assign(*found, changed, text);
  tulu::check(changed);
  options = std::move(changed);
  return *found;
}

/// All settings with their values, one a line.
[[nodiscard]] inline std::string all_settings(const tulu::generation_options& options) {
  std::string text;
  for (const setting& each : settings) text.append(each.name).append(" = ").append(each.show(options)) += '\n';
  return text;
}

}  // namespace cli
