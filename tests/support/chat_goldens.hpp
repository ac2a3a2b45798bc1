#pragma once

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.hpp"
#include <tulu/chat/message.hpp>
#include <tulu/core/error.hpp>

namespace tulu::test {

/// A conversation and what the original of a format makes of it.
struct chat_golden {
  bool add_generation_prompt = false;
  std::vector<chat::message> messages;
  std::string text;
  std::vector<std::uint32_t> ids;  ///< empty for the formats of which only the text is known
};

/// The text that make_goldens.py wrote in hex.
[[nodiscard]] inline std::string from_hex(std::string_view digits) {
  std::string text;
  if (digits == "-") return text;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    text += static_cast<char>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16));
  return text;
}

/// The cases of data/chat/NAME.txt, of which there is at least one.
[[nodiscard]] inline std::vector<chat_golden> chat_goldens(const std::string& name) {
  const auto path = std::filesystem::path{TULU_TEST_DATA} / "chat" / (name + ".txt");
  std::istringstream lines{read_file(path)};
  std::vector<chat_golden> all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string key, value;
    words >> key >> value;
    if (key == "origin") continue;
    if (key == "case") {
      all.push_back({value == "1", {}, {}, {}});
    } else if (key == "message") {
      std::string content;
      words >> content;
      all.back().messages.push_back({chat::parse_role(value).value(), from_hex(content)});
    } else if (key == "text") {
      all.back().text = from_hex(value);
    } else if (key == "ids") {
      for (std::istringstream ids{line.substr(4)}; ids >> value;)
        all.back().ids.push_back(static_cast<std::uint32_t>(std::stoul(value)));
    } else {
      throw error{path.string() + ": " + key};
    }
  }
  if (all.empty()) throw error{path.string() + ": no cases"};
  return all;
}

}  // namespace tulu::test
