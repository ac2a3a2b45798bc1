#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>

namespace tulu::io {

/// What `describe_stand_in` needs to see of a file.
inline constexpr std::size_t stand_in_head_bytes = 512;

/// The first bytes of `source`: `longest`, or all when it is shorter.
[[nodiscard]] inline std::string read_head(const file& source, std::size_t longest = stand_in_head_bytes) {
  std::string head(std::min(longest, source.size()), '\0');
  source.read(0, std::as_writable_bytes(std::span{head}));
  return head;
}

namespace detail {

/// `prefix` is lower case; `text` may be in any.
[[nodiscard]] inline bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [&](char a, char b) { return a == lower(b); });
}

/// "a git-lfs pointer to 13476851392 bytes (…)"; the size is left out when the pointer gives none.
[[nodiscard]] inline std::string describe_lfs_pointer(std::string_view head) {
  std::string text = "a git-lfs pointer";
  constexpr std::string_view key = "\nsize ";
  if (const auto at = head.find(key); at != std::string_view::npos) {
    const std::string_view rest = head.substr(at + key.size());
    const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789"));
    if (!digits.empty() && digits.size() <= 20) text.append(" to ").append(digits).append(" bytes");
  }
  return text + " (run \"git lfs pull\")";
}

}  // namespace detail

/// What a download that failed left in place of a file that begins with `head`: an empty file, a git-lfs pointer, an
/// HTML or XML page. Nothing when it is none of them.
[[nodiscard]] inline std::optional<std::string> describe_stand_in(std::string_view head) {
  if (head.empty()) return "an empty file";
  if (head.starts_with("version https://git-lfs.github.com/spec/")) return detail::describe_lfs_pointer(head);
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body"})
    if (detail::starts_with_ignoring_case(head, tag)) return "an HTML page (a failed download)";
  if (detail::starts_with_ignoring_case(head, "<?xml")) return "an XML document (a failed download)";
  return std::nullopt;
}

}  // namespace tulu::io
