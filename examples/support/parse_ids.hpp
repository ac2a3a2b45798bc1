#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace cli {

/// The ids in `text`, separated by blanks and line ends. `file` is named in the error for what is no id.
[[nodiscard]] inline std::vector<tulu::token_id> parse_ids(std::string_view text, std::string_view file) {
  constexpr std::string_view blanks = " \t\r\n";
  std::vector<tulu::token_id> ids;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (text.empty()) return ids;
    const std::string_view word = text.substr(0, text.find_first_of(blanks));
    tulu::token_id id = 0;
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (failure != std::errc{} || end != word.data() + word.size())
      throw tulu::mismatch_error(file, "word " + std::to_string(ids.size() + 1), "an id", tulu::printable(word, 40));
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

}  // namespace cli
