#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tulu/chat/chat_template.hpp>
#include <tulu/chat/templates.hpp>

namespace tulu {

namespace detail {

/// A format and what tells of it: all of `parts` in a text.
struct template_hint {
  std::string_view format;
  std::array<std::string_view, 2> parts;
};

/// The first hint that `text` has all parts of.
[[nodiscard]] inline const template_hint* find_hint(std::span<const template_hint> hints, std::string_view text) {
  const auto has = [text](std::string_view part) { return text.find(part) != text.npos; };
  const auto found = std::find_if(hints.begin(), hints.end(), [&](const template_hint& hint) {
    return std::all_of(hint.parts.begin(), hint.parts.end(), has);
  });
  return found == hints.end() ? nullptr : &*found;
}

/// What a Jinja template writes in each format, the particular before the general. [INST] without <<SYS>> is none of
/// them: Mistral's models write it otherwise than LLaMA 2's.
inline constexpr template_hint jinja_hints[] = {
    {"llama3", {"<|start_header_id|>"}}, {"chatml", {"<|im_start|>"}},     {"zephyr", {"<|user|>", "<|assistant|>"}},
    {"llama2", {"[INST]", "<<SYS>>"}},   {"alpaca", {"### Instruction:"}}, {"vicuna", {"USER:", "ASSISTANT:"}},
};

/// Tulu and Zephyr write the same markers; Zephyr ends the user's turns with EOS, too, others with a token of theirs.
[[nodiscard]] inline std::optional<chat::any_template> turns_under_roles(std::string_view jinja) {
  const auto has = [](std::string_view text, std::string_view part) { return text.find(part) != text.npos; };
  const std::string_view user = jinja.substr(jinja.find("<|user|>"));
  const std::string_view turn = user.substr(0, user.find("}}"));
  if (has(turn, "eos_token") || has(turn, "</s>") || has(turn, "<|endoftext|>")) return chat::zephyr_template{};
  if (has(jinja, "<|end|>")) return std::nullopt;
  if (has(jinja, "not loop.last")) return chat::tulu3_template{};
  return chat::tulu_template{.strips = false};
}

/// The text that ChatML's system turn has in a string literal of the template; empty where it has only the caller's.
[[nodiscard]] inline std::string default_system_of(std::string_view jinja) {
  constexpr std::string_view begin = "<|im_start|>system";
  for (std::size_t at = jinja.find(begin); at != jinja.npos; at = jinja.find(begin, at)) {
    at += begin.size();
    const std::size_t end = jinja.find("<|im_end|>", at);
    if (end == jinja.npos) break;
    std::string text;
    for (std::size_t i = at; i < end; ++i) {
      const bool is_line_end = jinja.substr(i, 2) == "\\n";
      text += is_line_end ? '\n' : jinja[i];
      i += is_line_end;
    }
    if (text.size() > 1 && text[0] == '\n' && text.find_first_of("'\"{}\\") == text.npos) return text.substr(1);
  }
  return {};
}

}  // namespace detail

namespace chat {

/// The format that a model's Jinja template (tokenizer_config.json's chat_template) writes, told by the texts in it: it
/// is not executed. With the settings of the template: ChatML's default system message, the dates of LLaMA 3.1, Tulu
/// without stripping. None for other formats.
[[nodiscard]] inline std::optional<any_template> template_of_jinja(std::string_view jinja) {
  const tulu::detail::template_hint* const hint = tulu::detail::find_hint(tulu::detail::jinja_hints, jinja);
  if (hint == nullptr) return std::nullopt;
  if (hint->format == zephyr_template::name) return tulu::detail::turns_under_roles(jinja);
  if (hint->format == chatml_template::name)
    return chatml_template{.default_system = tulu::detail::default_system_of(jinja)};
  if (hint->format == llama3_template::name && jinja.find("Cutting Knowledge Date") != jinja.npos)
    return llama3_template{.dates = std::string{llama3_template::dates_of_3_1}};
  return template_by_name(hint->format);
}

}  // namespace chat

}  // namespace tulu
