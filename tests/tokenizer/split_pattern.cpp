#include <doctest/doctest.h>

#include <tulu/tokenizer/split_pattern.hpp>

TEST_CASE("parse_split_pattern: the texts that files have, and no others") {
  using tulu::parse_split_pattern;
  using tulu::split_pattern;
  CHECK(parse_split_pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") ==
        split_pattern::gpt2);
  CHECK(parse_split_pattern("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                            " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") == split_pattern::llama3);
  CHECK(parse_split_pattern("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                            " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") == split_pattern::qwen2);
  CHECK_FALSE(parse_split_pattern(""));
  CHECK_FALSE(parse_split_pattern("\\s+"));
}
