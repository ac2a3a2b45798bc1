#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/word_splitter.hpp>

namespace word_splitter_test {

using tulu::split_pattern;

/// The words with a bar between them.
std::string words(split_pattern pattern, std::string_view text) {
  std::string out;
  std::size_t size = 0;
  tulu::detail::word_splitter{pattern}.split(text, [&](std::string_view word) {
    CHECK_FALSE(word.empty());
    CHECK(word.data() == text.data() + size);
    size += word.size();
    out.append(out.empty() ? "" : "|").append(word);
  });
  CHECK(size == text.size());
  return out;
}

TEST_CASE("word_splitter: GPT-2's pattern") {
  const auto split = [](std::string_view text) { return words(split_pattern::gpt2, text); };
  CHECK(split("") == "");
  CHECK(split("Hello, the world!") == "Hello|,| the| world|!");
  CHECK(split("a  b   c ") == "a| | b|  | c| ");
  CHECK(split("a\n\nb \n c\t") == "a|\n|\n|b| \n| c|\t");
  CHECK(split("it's we'll they've I'd 'S 's") == "it|'s| we|'ll| they|'ve| I|'d| '|S| '|s");
  CHECK(split("abc123 456x²") == "abc|123| 456|x|²");
  CHECK(split("日本語。é\u0301x") == "日本語|。|é|\u0301|x");
  CHECK(split("\u00A0a\u3000\u3000b") == "\u00A0|a|\u3000|\u3000|b");
  CHECK(split("'' 'r 'l") == "''| '|r| '|l");
  CHECK(split("'re'r") == "'re|'|r");
}

TEST_CASE("word_splitter: Llama 3's and Qwen 2's pattern") {
  const auto split = [](std::string_view text) { return words(split_pattern::llama3, text); };
  CHECK(split("Hello, (the) \tworld!") == "Hello|,| (|the|)| |\tworld|!");
  CHECK(split("1234567 89") == "123|456|7| |89");
  CHECK(split("IT'S we'Ll it'\u017Fx 'x") == "IT|'S| we|'Ll| it|'\u017F|x| '|x");
  CHECK(split("a\n\n  b \r\n \n  c\n") == "a|\n\n| | b| \r\n \n| | c|\n");
  CHECK(split("end.\n\n  x !\r\n\n") == "end|.\n\n| | x| !\r\n\n");
  CHECK(split("a   b   ") == "a|  | b|   ");
  CHECK(split("((x)) _y\u00A0z\nw") == "((|x|))| _|y|\u00A0z|\n|w");
  CHECK(split("'\nx") == "'\n|x");
  CHECK(words(split_pattern::qwen2, "a123 4\n\n1") == "a|1|2|3| |4|\n\n|1");
}

TEST_CASE("word_splitter: SmolLM's digits end the text before them") {
  const auto split = [](std::string_view text) { return words(split_pattern::smollm, text); };
  CHECK(split("a12 34  5b") == "a|1|2| |3|4|  |5|b");
  CHECK(split("x   y  ") == "x|  | y|  ");
  CHECK(split("\n\n1\n\nb") == "\n\n|1|\n|\n|b");
  CHECK(split("$12's") == "$|1|2|'s");
  CHECK(split("-\U00011F50-²") == "-|\U00011F50|-|²");
  CHECK(words(split_pattern::gpt2, "-\U00011F50-²") == "-\U00011F50-|²");
}

TEST_CASE("word_splitter: no pattern, no cut") {
  CHECK(words(split_pattern::none, "a b\n1") == "a b\n1");
  CHECK(words(split_pattern::none, "") == "");
}

}  // namespace word_splitter_test
