#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/json_byte_level.hpp>

namespace json_byte_level_test {

using tulu::split_pattern;
using tulu::test::message_of;

std::optional<tulu::json_byte_level> read(std::string_view text) {
  const auto root = tulu::io::parse_json(text, "f");
  return tulu::detail::json_byte_level_reader{}.read(tulu::detail::json_place{root, "f"});
}
std::string sequence(const std::string& step, const std::string& byte_level) {
  return R"({"type": "Sequence", "pretokenizers": [)" + step + R"(, {"type": "ByteLevel")" + byte_level + "}]}";
}
std::string split(const std::string& behavior, const std::string& invert) {
  return R"({"type": "Split", "behavior": ")" + behavior + R"(", "invert": )" + invert +
         R"(, "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| )"
         R"(?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}})";
}
const std::string apart = R"(, "add_prefix_space": false, "use_regex": false)";
const std::string inside = R"(, "add_prefix_space": false, "use_regex": true)";
const std::string digits = R"({"type": "Digits", "individual_digits": true})";

TEST_CASE("the forms that models have") {
  CHECK(read(R"({"type": "ByteLevel", "add_prefix_space": false})")->pattern == split_pattern::gpt2);
  CHECK_FALSE(read(R"({"type": "ByteLevel", "add_prefix_space": false})")->add_prefix_space);
  CHECK(read(R"({"type": "ByteLevel"})")->add_prefix_space);
  CHECK(read(R"({"type": "ByteLevel", "use_regex": false})")->pattern == split_pattern::none);
  CHECK(read(sequence(split("Isolated", "false"), apart))->pattern == split_pattern::llama3);
  CHECK(read(sequence(split("Removed", "true"), apart))->pattern == split_pattern::llama3);
  CHECK(read(sequence(digits, inside))->pattern == split_pattern::smollm);
}

TEST_CASE("without ByteLevel it is another kind of model") {
  CHECK_FALSE(read(R"({"type": "Metaspace", "replacement": "x"})"));
  CHECK_FALSE(read(R"({"type": "Sequence", "pretokenizers": []})"));
}

TEST_CASE("what else there is, is refused by name") {
  const auto problem = [](const std::string& text) { return message_of([&] { (void)read(text); }); };
  CHECK(problem(sequence(R"({"type": "Punctuation"})", inside)) ==
        "f: pretokenizers[0].type: expected a pre-tokenizer of byte-level BPE (Split, Digits, ByteLevel, Sequence), "
        "found \"Punctuation\"");
  CHECK(problem(sequence(R"({"type": "Split", "pattern": {"Regex": "\\s+"}})", apart)) ==
        "f: pretokenizers[0].pattern.Regex: expected the pattern of GPT-2, Llama 3 or Qwen2, found \\s+");
  CHECK(problem(sequence(split("Removed", "false"), apart)) ==
        "f: pretokenizers[0].behavior: expected \"Isolated\", found \"Removed\"");
  CHECK(problem(sequence(split("Isolated", "true"), apart)).find("expected \"Removed\"") != std::string::npos);
  CHECK(problem(sequence(split("Isolated", "false"), inside)) ==
        "f: pretokenizers[1].use_regex: expected false after Split, found true");
  CHECK(problem(sequence(digits, apart)).find("use_regex: expected true after Digits") != std::string::npos);
  CHECK(problem(sequence(digits, R"(, "add_prefix_space": true)")).find("add_prefix_space") != std::string::npos);
  CHECK(problem(sequence(digits + "," + digits, inside)).find("one Split or Digits") != std::string::npos);
  CHECK(problem(sequence(R"({"type": "Digits", "individual_digits": false})", inside)) ==
        "f: pretokenizers[0].individual_digits: expected true, found false");
  CHECK(problem(R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]})") ==
        "f: pretokenizers[1].type: expected ByteLevel last, found \"Digits\"");
}

}  // namespace json_byte_level_test
