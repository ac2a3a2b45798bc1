#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tulu::chat {

/// Who says a message.
enum class role : std::uint8_t { system, user, assistant };

/// In the order of the enumeration.
inline constexpr std::array<std::string_view, 3> role_names{"system", "user", "assistant"};

[[nodiscard]] constexpr std::string_view role_name(role who) noexcept {
  return role_names[static_cast<std::size_t>(who)];
}

[[nodiscard]] constexpr std::optional<role> parse_role(std::string_view name) noexcept {
  for (std::size_t i = 0; i < role_names.size(); ++i)
    if (role_names[i] == name) return static_cast<role>(i);
  return std::nullopt;
}

/// One turn of a conversation.
struct message {
  role from = role::user;
  std::string content;

  bool operator==(const message&) const = default;
};

}  // namespace tulu::chat
