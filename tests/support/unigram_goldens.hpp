#pragma once

#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::test {

/// What tests/data/tokenizer/make_unigram.py wrote.
class unigram_goldens {
 public:
  [[nodiscard]] static sentencepiece_model model(const std::string& name) {
    return load_sentencepiece_model(path(name + ".model"));
  }
  [[nodiscard]] static std::vector<std::string> texts() { return hex_lines("texts.hex"); }
  /// The normalized texts.
  [[nodiscard]] static std::vector<std::string> normalized(const std::string& name) {
    return hex_lines(name + ".norm");
  }
  /// The ids of each text.
  [[nodiscard]] static std::vector<std::vector<token_id>> ids(const std::string& name) {
    std::vector<std::vector<token_id>> out;
    for (const std::string& line : lines(name + ".ids")) {
      std::istringstream in{line};
      out.emplace_back();
      for (token_id id = 0; in >> id;) out.back().push_back(id);
    }
    return out;
  }

 private:
  [[nodiscard]] static std::filesystem::path path(const std::string& file) {
    return std::filesystem::path{TULU_TEST_DATA} / "tokenizer" / "unigram" / file;
  }
  [[nodiscard]] static std::vector<std::string> lines(const std::string& file) {
    std::istringstream in{read_file(path(file))};
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  [[nodiscard]] static std::vector<std::string> hex_lines(const std::string& file) {
    std::vector<std::string> out;
    for (const std::string& line : lines(file)) {
      out.emplace_back();
      for (std::size_t i = 0; i + 1 < line.size(); i += 2)
        out.back() += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
    return out;
  }
};

}  // namespace tulu::test
