#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

#include <doctest/doctest.h>

#include <tulu/tokenizer/text_index.hpp>

using tulu::detail::text_index;

TEST_CASE("text_index: what was put in is found, and nothing else") {
  std::mt19937 random{20241};
  std::unordered_map<std::string, std::uint32_t> model;
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::size_t length = random() % 40; length > 0; --length) text += static_cast<char>(random() % 3);
    model.try_emplace(text, static_cast<std::uint32_t>(i));
  }
  text_index index;
  CHECK(index.find("") == text_index::none);
  for (const auto& [text, value] : model) {
    CHECK(index.insert(text, value));
    CHECK_FALSE(index.insert(text, value + 1));
  }
  CHECK(index.size() == model.size());
  for (const auto& [text, value] : model) {
    CHECK(index.find(text) == value);
    const std::string other = text + '\1';
    CHECK(index.find(other) == (model.count(other) != 0 ? model.at(other) : text_index::none));
  }
}

TEST_CASE("text_index: texts with the same beginning and length are told apart") {
  text_index index{2};
  const std::string a(100, 'x'), b = std::string(99, 'x') + "y";
  CHECK(index.insert(a, 1));
  CHECK(index.insert(b, 2));
  CHECK(index.find(a) == 1);
  CHECK(index.find(b) == 2);
}
