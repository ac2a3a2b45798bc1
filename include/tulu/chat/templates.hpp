#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tulu/chat/alpaca.hpp>
#include <tulu/chat/chat_template.hpp>
#include <tulu/chat/chatml.hpp>
#include <tulu/chat/llama2.hpp>
#include <tulu/chat/llama3.hpp>
#include <tulu/chat/raw.hpp>
#include <tulu/chat/tulu.hpp>
#include <tulu/chat/tulu3.hpp>
#include <tulu/chat/vicuna.hpp>
#include <tulu/chat/zephyr.hpp>

namespace tulu {

namespace chat {

/// All formats of the library.
using all_templates = std::tuple<tulu_template, tulu3_template, alpaca_template, vicuna_template, llama2_template,
                                 llama3_template, chatml_template, zephyr_template, raw_template>;

}  // namespace chat

namespace detail {

template <chat::chat_template... Templates>
[[nodiscard]] constexpr auto names_of(std::type_identity<std::tuple<Templates...>>) noexcept {
  return std::array<std::string_view, sizeof...(Templates)>{Templates::name...};
}

template <chat::chat_template... Templates>
[[nodiscard]] std::optional<chat::any_template> find_template(std::string_view name,
                                                              std::type_identity<std::tuple<Templates...>>) {
  std::optional<chat::any_template> found;
  (void)((Templates::name == name && (found.emplace(Templates{}), true)) || ...);
  return found;
}

}  // namespace detail

namespace chat {

/// The names on the command line.
inline constexpr auto template_names = tulu::detail::names_of(std::type_identity<all_templates>{});

/// The format of that name; none when there is no such name.
[[nodiscard]] inline std::optional<any_template> template_by_name(std::string_view name) {
  return tulu::detail::find_template(name, std::type_identity<all_templates>{});
}

}  // namespace chat

}  // namespace tulu
