#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/json_steps.hpp>

namespace json_steps_test {

namespace json_step = tulu::json_step;
using tulu::test::message_of;

template <class Read>
auto read(std::string_view text, Read&& reader) {
  const auto root = tulu::io::parse_json(text, "f");
  return reader(tulu::detail::json_place{root, "f"});
}
auto normalizers(std::string_view text) {
  return read(text, tulu::detail::read_normalizers);
}
auto pre_tokenizers(std::string_view text) {
  return read(text, tulu::detail::read_pre_tokenizers);
}
auto decoders(std::string_view text) {
  return read(text, tulu::detail::read_decoders);
}

json_step::metaspace metaspace(std::string_view members) {
  const std::string text = R"({"type": "Metaspace", "replacement": "▁")" + std::string{members} + "}";
  return std::get<json_step::metaspace>(pre_tokenizers(text).at(0));
}

TEST_CASE("sequences are written out, however deep") {
  const auto steps = normalizers(R"({"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "x"}, {"type": "Sequence", "normalizers": [
      {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}]}, {"type": "Sequence", "normalizers": []}]})");
  REQUIRE(steps.size() == 2);
  CHECK(std::get<json_step::prepend>(steps[0]).text == "x");
  CHECK(std::get<json_step::replace>(steps[1]).pattern == "a");
  CHECK(std::get<json_step::replace>(steps[1]).content == "b");
}

TEST_CASE("Metaspace of old and new files") {
  using scheme = json_step::prepend_scheme;
  CHECK(metaspace("").scheme == scheme::always);
  CHECK(metaspace("").split);
  CHECK(metaspace(R"(, "add_prefix_space": true)").scheme == scheme::always);
  CHECK(metaspace(R"(, "add_prefix_space": false)").scheme == scheme::never);
  CHECK(metaspace(R"(, "add_prefix_space": true, "prepend_scheme": "first")").scheme == scheme::first);
  CHECK_FALSE(metaspace(R"(, "prepend_scheme": "never", "split": false)").split);
  CHECK(message_of([] { (void)metaspace(R"(, "add_prefix_space": false, "prepend_scheme": "first")"); }) ==
        "f: prepend_scheme: expected \"never\", as add_prefix_space says, found \"first\"");
  CHECK(message_of([] { (void)metaspace(R"(, "prepend_scheme": "often")"); }).starts_with("f: prepend_scheme: "));
  CHECK(message_of([] { (void)pre_tokenizers(R"({"type": "Metaspace", "replacement": "ab"})"); }) ==
        "f: replacement: expected one character, found \"ab\"");
}

TEST_CASE("a regular expression counts when it is a plain text") {
  const auto steps = pre_tokenizers(
      R"({"type": "Split", "pattern": {"Regex": "ab c"}, "behavior": "MergedWithNext", "invert": true})");
  const auto& split = std::get<json_step::split>(steps.at(0));
  CHECK(split.pattern == "ab c");
  CHECK(split.behavior == json_step::split_behavior::merged_with_next);
  CHECK(split.invert);
  CHECK(message_of([] { (void)normalizers(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": ""})"); }) ==
        "f: pattern.Regex: expected a pattern without regular expressions, found \" {2,}\"");
  CHECK(message_of([] { (void)normalizers(R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})"); }) ==
        "f: pattern.String: expected a pattern, found \"\"");
}

TEST_CASE("steps of other families are refused by name") {
  CHECK(message_of([] { (void)normalizers(R"({"type": "NFKC"})"); }) ==
        "f: type: expected a normalizer of LLaMA's family (Prepend, Replace, Sequence), found \"NFKC\"");
  CHECK(message_of([] { (void)pre_tokenizers(R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]})"); }) ==
        "f: pretokenizers[0].type: expected a pre-tokenizer of LLaMA's family (Metaspace, Split, Sequence), "
        "found \"ByteLevel\"");
  CHECK(message_of([] { (void)decoders(R"({"type": "WordPiece"})"); }).ends_with("found \"WordPiece\""));
  CHECK(message_of([] { (void)decoders(R"({"content": "x"})"); }) == "f: type: expected a value, found no such key");
  CHECK(message_of([] { (void)decoders(R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})"); }) ==
        "f: start: expected a non-negative integer, found -1");
  CHECK(message_of([] {
          (void)pre_tokenizers(R"({"type": "Split", "pattern": {"String": " "}, "behavior": "X", "invert": false})");
        }) == "f: behavior: expected a behavior of Split, found \"X\"");
}

}  // namespace json_steps_test
