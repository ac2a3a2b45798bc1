#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <tulu/chat/message.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/generation/session_state.hpp>
#include <tulu/io/atomic_file.hpp>
#include <tulu/io/json.hpp>
#include <tulu/sampling/options.hpp>
#include <tulu/sampling/rng.hpp>

namespace tulu {

namespace detail {

/// The number with the fewest digits that is read as `value` again.
[[nodiscard]] inline double shortest(float value) noexcept {
  char digits[64];
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  double read = static_cast<double>(value);
  std::from_chars(std::begin(digits), written.ptr, read);
  return read;
}

/// Calls `member(name, value)` for every member of `options` but the logit bias.
template <class Options, class Member>
void for_each_member(Options& options, Member&& member) {
  member("temperature", options.temperature);
  member("top_k", options.top_k);
  member("top_p", options.top_p);
  member("min_p", options.min_p);
  member("typical_p", options.typical_p);
  member("repetition_penalty", options.repetition_penalty);
  member("presence_penalty", options.presence_penalty);
  member("frequency_penalty", options.frequency_penalty);
  member("penalty_window", options.penalty_window);
  member("seed", options.seed);
  member("want_logprob", options.want_logprob);
  member("top_logprobs", options.top_logprobs);
}

[[nodiscard]] inline io::json session_options_to_json(const generation_options& options) {
  io::json object = io::json::object();
  for_each_member(options.sampling, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, float>) {
      object[name] = shortest(value);
    } else {
      object[name] = value;
    }
  });
  io::json bias = io::json::array();
  constexpr float forbidden = -std::numeric_limits<float>::infinity();
  for (const auto& [id, value] : options.sampling.logit_bias)
    bias.push_back({id, value == forbidden ? io::json{} : io::json(shortest(value))});
  object["logit_bias"] = std::move(bias);
  object["max_new_tokens"] = options.max_new_tokens == unlimited ? io::json{} : io::json(options.max_new_tokens);
  object["stop"] = options.stop;
  object["stop_tokens"] = options.stop_tokens ? io::json(*options.stop_tokens) : io::json{};
  object["lookup"] = options.lookup;
  return object;
}

[[nodiscard]] inline std::vector<std::pair<std::uint32_t, float>> logit_bias_from(const io::json& entries,
                                                                                  std::string_view file) {
  std::vector<std::pair<std::uint32_t, float>> bias;
  if (!entries.is_array()) throw mismatch_error(file, "logit_bias", "an array", io::describe(entries));
  for (const io::json& entry : entries) {
    const bool pair = entry.is_array() && entry.size() == 2;
    const auto id = pair ? io::json_as<std::uint32_t>(entry[0]) : std::nullopt;
    auto value = pair ? io::json_as<float>(entry[1]) : std::nullopt;
    if (pair && entry[1].is_null()) value = -std::numeric_limits<float>::infinity();
    if (!id || !value)
      throw mismatch_error(file, "logit_bias", "pairs of an id and a number or null", io::describe(entry));
    bias.emplace_back(*id, *value);
  }
  return bias;
}

[[nodiscard]] inline generation_options session_options_from(const io::json& object, std::string_view file) {
  generation_options options;
  for_each_member(options.sampling, [&]<class Value>(const char* name, Value& value) {
    value = io::optional_value<Value>(object, name, file).value_or(value);
  });
  if (const auto bias = object.find("logit_bias"); bias != object.end())
    options.sampling.logit_bias = logit_bias_from(*bias, file);
  options.max_new_tokens = io::optional_value<std::size_t>(object, "max_new_tokens", file).value_or(unlimited);
  options.stop = io::optional_value<std::vector<std::string>>(object, "stop", file).value_or(options.stop);
  options.stop_tokens = io::optional_value<std::vector<token_id>>(object, "stop_tokens", file);
  options.lookup = io::optional_value<std::size_t>(object, "lookup", file).value_or(options.lookup);
  return options;
}

[[nodiscard]] inline std::vector<chat::message> session_messages_from(const io::json& object, std::string_view file) {
  const auto list = object.find("messages");
  if (list == object.end() || !list->is_array())
    throw mismatch_error(file, "messages", "an array", list == object.end() ? "no such key" : io::describe(*list));
  std::vector<chat::message> messages;
  for (const io::json& each : *list) {
    const std::string who = io::required<std::string>(each, "role", file);
    const auto role = chat::parse_role(who);
    if (!role) throw mismatch_error(file, "role", "system, user or assistant", printable(who));
    messages.push_back({*role, io::required<std::string>(each, "content", file)});
  }
  return messages;
}

[[nodiscard]] inline rng::state_type random_state_from(const io::json& object, std::string_view file) {
  const auto words = io::required<std::vector<std::uint64_t>>(object, "random", file);
  rng::state_type state{};
  if (words.size() != state.size())
    throw mismatch_error(file, "random", std::to_string(state.size()) + " numbers", std::to_string(words.size()));
  std::copy(words.begin(), words.end(), state.begin());
  return state;
}

/// Calls `action`, whose errors then begin with the name of the file.
template <class Action>
void name_file_in_errors(std::string_view file, Action&& action) {
  try {
    action();
  } catch (const error& caught) {
    throw error{std::string{file}.append(": ").append(caught.what())};
  }
}

}  // namespace detail

/// The content of a session file: JSON, versioned, readable for people. Texts that are not UTF-8 are written as
/// `replace_invalid_utf8` has them, which is how tokenizers read them.
[[nodiscard]] inline std::string format_session(const session_state& state) {
  io::json object;
  object["tulu_session"] = 1;
  object["template"] = state.template_name;
  object["messages"] = io::json::array();
  for (const chat::message& each : state.messages)
    object["messages"].push_back(
        {{"role", chat::role_name(each.from)}, {"content", replace_invalid_utf8(each.content)}});
  object["options"] = detail::session_options_to_json(state.options);
  object["random"] = state.random;
  return object.dump(2) + "\n";
}

/// Reads what `format_session` wrote; `file` stands in errors. Options that are not given have their defaults, and all
/// are in range, but for ids, which a model has to check.
[[nodiscard]] inline session_state parse_session(const io::json& object, std::string_view file) {
  if (const auto version = io::required<std::int64_t>(object, "tulu_session", file); version != 1)
    throw mismatch_error(file, "tulu_session", "1", std::to_string(version));
  session_state state;
  state.template_name = io::required<std::string>(object, "template", file);
  state.messages = detail::session_messages_from(object, file);
  state.options = detail::session_options_from(object.value("options", io::json::object()), file);
  state.random = detail::random_state_from(object, file);
  detail::name_file_in_errors(file, [&] {
    check(state.options);
    static_cast<void>(rng::from_state(state.random));
  });
  return state;
}

/// Replaces the file in one step: whatever happens, it is the old one or the new one. Only its owner may read it.
inline void save_session(const session_state& state, const std::filesystem::path& path) {
  io::write_atomically(path, format_session(state), S_IRUSR | S_IWUSR);
}
/// Whether the file at `path` is there and has the mark of a session file, of whatever version and content.
[[nodiscard]] inline bool is_session_file(const std::filesystem::path& path) {
  try {
    const io::json object = io::load_json(path);
    return object.is_object() && object.contains("tulu_session");
  } catch (const error&) {
    return false;
  }
}
[[nodiscard]] inline session_state load_session(const std::filesystem::path& path) {
  return parse_session(io::load_json(path), path.string());
}

/// Saves what `chat`, a chat_session, needs to go on later.
template <class Session>
requires requires(const Session& chat) {
  chat.state();
}
void save_session(const Session& chat, const std::filesystem::path& path) {
  save_session(chat.state(), path);
}

/// Lets `chat`, a chat_session, go on with the conversation in the file, and returns the name of the template that it
/// was held in. When it throws, the session is as before.
template <class Session>
requires requires(Session& chat, session_state state) {
  chat.restore(state);
}
std::string load_session(Session& chat, const std::filesystem::path& path) {
  session_state state = load_session(path);
  std::string name = state.template_name;
  detail::name_file_in_errors(path.string(), [&] { chat.restore(std::move(state)); });
  return name;
}

}  // namespace tulu
