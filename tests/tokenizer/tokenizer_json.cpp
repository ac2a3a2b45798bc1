#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace tokenizer_json_test {

using tulu::token_id;
using tulu::io::json;
using tulu::test::message_of;

/// The smallest tokenizer with a merge.
json small() {
  return tulu::io::parse_json(R"({
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "pre_tokenizer": null, "decoder": null,
    "added_tokens": [], "post_processor": null,
    "model": {"type": "BPE", "unk_token": "<unk>", "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3}, "merges": ["a b"]}})",
                              "small");
}

/// small() with another value in place of the one at `pointer`.
json with(std::string_view pointer, json value) {
  json root = small();
  root[json::json_pointer{std::string{pointer}}] = std::move(value);
  return root;
}

/// `root` as a file has it: numbers that are not negative are unsigned there.
tulu::tokenizer_json read(const json& root) {
  return tulu::read_tokenizer_json(tulu::io::parse_json(root.dump(), "root"), "tokenizer.json");
}

std::string refusal(std::string_view pointer, json value) {
  const json root = with(pointer, std::move(value));
  return message_of([&] { (void)read(root); });
}

json added(token_id id, std::string content) {
  return {{"id", id},        {"content", std::move(content)}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false},           {"special", true}};
}

json all_bytes() {
  json vocab = json::object();
  for (int byte = 0; byte < 256; ++byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto digit = [&](int value) { return digits[static_cast<std::size_t>(value)]; };
    vocab[std::string{"<0x"} + digit(byte / 16) + digit(byte % 16) + ">"] = byte;
  }
  return vocab;
}

TEST_CASE("a file written by tokenizers is read") {
  const std::string path = std::string{TULU_TEST_DATA} + "/tokenizer/json/llama_small.json";
  const tulu::tokenizer_json source = tulu::load_tokenizer_json(path);
  CHECK(source.name == path);
  CHECK(source.pieces.size() == 480);
  CHECK(source.pieces.text(0) == "<unk>");
  CHECK(source.pieces.kind(0) == tulu::piece_kind::unknown);
  CHECK(source.pieces.kind(1) == tulu::piece_kind::control);
  CHECK(source.pieces.kind(3) == tulu::piece_kind::byte);
  CHECK(source.byte_fallback);
  CHECK(source.byte_ids[255] == 258);
  CHECK(source.unk_id == token_id{0});
  CHECK(source.fuse_unk);
  CHECK_FALSE(source.ignore_merges);
  CHECK(source.added_tokens.size() == 3);
  CHECK(source.added_tokens[2].content == "</s>");
  CHECK(source.not_in_model.empty());
  CHECK(source.normalizers.size() == 2);
  CHECK(source.pre_tokenizers.empty());
  REQUIRE(source.decoders);
  CHECK(source.decoders->size() == 4);
  const auto& first = source.merges.at(0);
  CHECK(std::string{source.pieces.text(first.left)}.append(source.pieces.text(first.right)) ==
        source.pieces.text(first.result));
}

TEST_CASE("merges are pairs, as one text or as two") {
  CHECK(read(small()).merges.size() == 1);
  const auto pair = read(with("/model/merges", json::array({json::array({"a", "b"})}))).merges;
  REQUIRE(pair.size() == 1);
  CHECK(pair[0].left == 1);
  CHECK(pair[0].right == 2);
  CHECK(pair[0].result == 3);
  CHECK(read(with("/model/merges", json::array({"#version: 0.2", "a b"}))).merges.size() == 1);
  CHECK(read(with("/model/merges", json::array())).merges.empty());
}

TEST_CASE("what is no merge of pieces is an error that names it") {
  const auto merges = [](json list) { return refusal("/model/merges", std::move(list)); };
  CHECK(merges(json::array({"a b", "a b c"})) ==
        "tokenizer.json: model.merges[1]: expected two pieces of the vocabulary, found \"a b c\"");
  CHECK(merges(json::array({"a c"})) ==
        "tokenizer.json: model.merges[0]: expected two pieces of the vocabulary, found \"a c\"");
  CHECK(merges(json::array({" ab"})).ends_with("expected two pieces of the vocabulary, found \" ab\""));
  CHECK(merges(json::array({"ab"})).ends_with("found \"ab\""));
  CHECK(merges(json::array({"b a"})) ==
        "tokenizer.json: model.merges[0]: expected pieces that make a piece of the vocabulary, found \"b a\"");
  CHECK(merges(json::array({json::array({"b", "a"})})).ends_with("found \"b\" and \"a\""));
  CHECK(merges(json::array({json::array({"a", 1})}))
            .ends_with("expected two pieces of the vocabulary, found \"a\" and 1"));
  CHECK(merges(json::array({7})).ends_with("found 7"));
  CHECK(merges("a b") == "tokenizer.json: model.merges: expected an array of merges, found \"a b\"");
}

TEST_CASE("no merge of the unknown piece, which is no text") {
  json vocab = small()["model"]["vocab"];
  vocab["<unk>a"] = 4;
  vocab["<"] = 5;
  vocab["unk>"] = 6;
  json root = with("/model/vocab", vocab);
  for (const char* merge : {"<unk> a", "< unk>"}) {
    root["model"]["merges"] = json::array({merge});
    CHECK(message_of([&] { (void)read(root); }).find("expected no merge of the unknown piece") != std::string::npos);
  }
}

TEST_CASE("ids need not be dense, but unique and near each other") {
  const auto source = read(with("/model/vocab", {{"a", 9}, {"b", 2}, {"ab", 3}, {"<unk>", 0}}));
  CHECK(source.pieces.size() == 10);
  CHECK(source.pieces.text(9) == "a");
  CHECK(source.pieces.kind(5) == tulu::piece_kind::unused);
  CHECK(source.pieces.text(5).empty());

  const auto vocab = [](json value) {
    return refusal("/model/vocab", {{"<unk>", 0}, {"a", 1}, {"b", std::move(value)}, {"ab", 3}});
  };
  CHECK(vocab(1) == "tokenizer.json: model.vocab.b: expected an id of its own, found 1 of a");
  CHECK(vocab(2147483648) == "tokenizer.json: model.vocab.b: expected an id below 4112, found 2147483648");
  CHECK(vocab(4294967296) == "tokenizer.json: model.vocab.b: expected an id below 4112, found 4294967296");
  CHECK(vocab(-1).ends_with("found -1"));
  CHECK(vocab(1.5).ends_with("found 1.5"));
  CHECK(vocab("2").ends_with("found \"2\""));
  CHECK(vocab(nullptr) == "tokenizer.json: model.vocab.b: expected a value, found null");
  CHECK(refusal("/model/vocab", json::array()) ==
        "tokenizer.json: model.vocab: expected an object of pieces and ids, found an array");
  CHECK(refusal("/model/vocab", json::object()) == "tokenizer.json: model.vocab: expected pieces, found none");
}

TEST_CASE("byte pieces are all there or none") {
  json root = with("/model/byte_fallback", true);
  CHECK_FALSE(read(root).byte_fallback);
  root["model"]["vocab"]["<0x41>"] = 4;
  CHECK(message_of([&] { (void)read(root); }) ==
        "tokenizer.json: model.vocab: expected a piece for each byte or for none, found 1 of them");
  root["model"] = {{"byte_fallback", true}, {"unk_token", "<unk>"}, {"vocab", all_bytes()}, {"merges", json::array()}};
  const auto source = read(root);
  CHECK(source.byte_fallback);
  CHECK(source.byte_ids[0x41] == 0x41);
  CHECK_FALSE(source.unk_id.has_value());
  root["model"]["byte_fallback"] = false;
  CHECK(message_of([&] { (void)read(root); }) ==
        "tokenizer.json: model.unk_token: expected a piece of the vocabulary, found \"<unk>\"");
}

TEST_CASE("added tokens have the ids that tokenizers gives them") {
  const auto source =
      read(with("/added_tokens", json::array({added(0, "<unk>"), added(4, "<x>"), added(9, ""), added(5, "<y>")})));
  CHECK(source.pieces.size() == 6);
  CHECK(source.pieces.text(5) == "<y>");
  CHECK(source.pieces.kind(5) == tulu::piece_kind::control);
  CHECK(source.pieces.kind(0) == tulu::piece_kind::unknown);
  CHECK(source.not_in_model == std::vector<token_id>{4, 5});
  CHECK(source.added_tokens.size() == 3);

  CHECK(refusal("/added_tokens", json::array({added(7, "<x>")})) ==
        "tokenizer.json: added_tokens: expected a token <x> with the id 4, found 7");
  CHECK(refusal("/added_tokens", json::array({added(2, "a")})).ends_with("expected a token a with the id 1, found 2"));
  CHECK(refusal("/added_tokens", json::array({added(4, "<x>"), added(4, "<x>")})) ==
        "tokenizer.json: added_tokens: expected each token once, found a token <x> twice");
  CHECK(refusal("/added_tokens", json::array({json{{"id", 4}}})) ==
        "tokenizer.json: added_tokens[0].content: expected a value, found no such key");
  json holes = with("/model/vocab", {{"a", 1}, {"b", 2}, {"ab", 4}, {"<unk>", 5}});
  holes["added_tokens"] = json::array({added(4, "<x>")});
  CHECK(message_of([&] { (void)read(holes); }) ==
        "tokenizer.json: added_tokens: expected a token <x> with an id of its own, found 4");
}

TEST_CASE("an added token is normalized unless it is special or says so") {
  json token = {{"id", 4}, {"content", "x"}};
  CHECK(read(with("/added_tokens", json::array({token}))).added_tokens[0].normalized);
  token["special"] = true;
  CHECK_FALSE(read(with("/added_tokens", json::array({token}))).added_tokens[0].normalized);
}

TEST_CASE("the post-processor says which ids stand round a text") {
  const json piece = [](const char* kind, const char* id) {
    return json{{kind, {{"id", id}, {"type_id", 0}}}};
  }("Sequence", "A");
  const auto special = [](const char* id) { return json{{"SpecialToken", {{"id", id}, {"type_id", 0}}}}; };
  const json processor = {{"type", "TemplateProcessing"},
                          {"single", {special("<s>"), piece, special("</s>")}},
                          {"special_tokens", {{"<s>", {{"ids", {1}}}}, {"</s>", {{"ids", {2, 3}}}}}}};
  const auto source = read(with("/post_processor", processor));
  CHECK(source.bos_ids == std::vector<token_id>{1});
  CHECK(source.eos_ids == std::vector<token_id>{2, 3});
  const json list = {{"type", "Sequence"}, {"processors", json::array({{{"type", "ByteLevel"}}, processor})}};
  CHECK(read(with("/post_processor", list)).bos_ids == std::vector<token_id>{1});
  json wrong = processor;
  wrong["special_tokens"]["<s>"]["ids"] = {77};
  CHECK(refusal("/post_processor", wrong) ==
        "tokenizer.json: post_processor.special_tokens.<s>.ids: expected ids of the vocabulary, found 77");
}

TEST_CASE("models and settings of other families are refused") {
  CHECK(refusal("/model/type", "WordPiece") == "tokenizer.json: model.type: expected BPE, found \"WordPiece\"");
  CHECK(refusal("/model/dropout", 0.1) == "tokenizer.json: model.dropout: expected no dropout, found 0.1");
  CHECK(refusal("/model/dropout", 0.0).empty());
  CHECK(refusal("/model/dropout", 0).empty());
  CHECK(refusal("/model/continuing_subword_prefix", "##").ends_with("expected none, found \"##\""));
  CHECK(refusal("/model/end_of_word_suffix", "").empty());
  CHECK(refusal("/model/end_of_word_suffix", "</w>").ends_with("expected none, found \"</w>\""));
  CHECK(refusal("/model/unk_token", "a") ==
        "tokenizer.json: model.unk_token: expected more than one character, found \"a\"");
  CHECK(refusal("/version", "2.0") == "tokenizer.json: version: expected version 1, found \"2.0\"");
  CHECK(refusal("/model", 3) == "tokenizer.json: model: expected an object, found 3");
  CHECK(message_of([] { (void)read(json::array()); }) == "tokenizer.json: expected an object, found an array");
  CHECK(refusal("/pre_tokenizer", {{"type", "Whitespace"}}).starts_with("tokenizer.json: pre_tokenizer.type: "));
}

TEST_CASE("what LLaMA's family has not is refused by its name and place") {
  const auto step = [](const char* type) { return json{{"type", type}}; };
  const json regex = {{"Regex", "\\s+"}};
  CHECK(refusal("/normalizer", step("NFKC")).ends_with("(Prepend, Replace, Sequence), found \"NFKC\""));
  CHECK(refusal("/pre_tokenizer", step("Whitespace")).ends_with("found \"Whitespace\""));
  CHECK(refusal("/decoder", step("ByteLevel")).starts_with("tokenizer.json: decoder.type: expected a decoder"));
  CHECK(refusal("/normalizer", {{"type", "Replace"}, {"pattern", regex}, {"content", ""}}) ==
        "tokenizer.json: normalizer.pattern.Regex: expected a pattern without regular expressions, found \"\\\\s+\"");
  const json split = {{"type", "Split"}, {"pattern", regex}, {"behavior", "Isolated"}, {"invert", false}};
  CHECK(refusal("/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split})}})
            .starts_with("tokenizer.json: pre_tokenizer.pretokenizers[0].pattern.Regex: "));
  for (const char* type : {"WordPiece", "WordLevel", "Unigram"})
    CHECK(refusal("/model/type", type).ends_with(std::string{"expected BPE, found \""} + type + "\""));
}

TEST_CASE("byte-level BPE: ByteLevel before and after the model, and no normalizer") {
  json root = with("/pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}});
  CHECK(message_of([&] { (void)read(root); }) == "tokenizer.json: decoder: expected a value, found null");
  root["decoder"] = {{"type", "ByteLevel"}};
  REQUIRE(read(root).byte_level);
  CHECK(read(root).byte_level->pattern == tulu::split_pattern::gpt2);
  CHECK_FALSE(read(small()).byte_level);
  const auto problem = [&](std::string_view pointer, json value) {
    json changed = root;
    changed[json::json_pointer{std::string{pointer}}] = std::move(value);
    return message_of([&] { (void)read(changed); });
  };
  CHECK(problem("/normalizer", {{"type", "Sequence"}, {"normalizers", json::array()}}).empty());
  CHECK(problem("/normalizer", {{"type", "NFC"}}) ==
        "tokenizer.json: normalizer.type: expected no normalizer with ByteLevel, found \"NFC\"");
  CHECK(problem("/decoder", {{"type", "Fuse"}}) ==
        "tokenizer.json: decoder.type: expected the one decoder ByteLevel, found \"Fuse\"");
  json bytes = all_bytes();
  bytes["<unk>"] = 256;
  root["model"] = {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", bytes}, {"merges", json::array()}};
  CHECK(message_of([&] { (void)read(root); }) ==
        "tokenizer.json: model.byte_fallback: expected false with ByteLevel, found true");
}

TEST_CASE("a value of a wrong type is an error that names its place") {
  const auto wrong = [](std::string_view pointer, json value) {
    const std::string message = refusal(pointer, std::move(value));
    REQUIRE(message.starts_with("tokenizer.json: "));
    return message.substr(16);
  };
  CHECK(wrong("/version", 1) == "version: expected a string, found 1");
  CHECK(wrong("/model/type", 2) == "model.type: expected a string, found 2");
  CHECK(wrong("/model/dropout", "0").starts_with("model.dropout: expected no dropout"));
  CHECK(wrong("/model/unk_token", 0) == "model.unk_token: expected a string, found 0");
  CHECK(wrong("/model/continuing_subword_prefix", false).ends_with("expected a string, found false"));
  for (const char* option : {"fuse_unk", "byte_fallback", "ignore_merges"})
    CHECK(wrong(std::string{"/model/"} + option, "true") ==
          "model." + std::string{option} + ": expected true or false, found \"true\"");
  CHECK(wrong("/model/vocab", nullptr) == "model.vocab: expected a value, found null");
  CHECK(wrong("/model/merges", nullptr) == "model.merges: expected a value, found null");
  CHECK(wrong("/model", nullptr) == "model: expected a value, found null");
  CHECK(wrong("/added_tokens", "<s>") == "added_tokens: expected an array, found \"<s>\"");
  CHECK(wrong("/added_tokens", json::array({1})) == "added_tokens[0]: expected an object, found 1");
  CHECK(wrong("/normalizer", 1) == "normalizer: expected an object, found 1");
  CHECK(wrong("/decoder", {{"type", "Sequence"}, {"decoders", 1}}) == "decoder.decoders: expected an array, found 1");
  CHECK(wrong("/post_processor", json::object()) == "post_processor.type: expected a value, found no such key");
  CHECK(wrong("/post_processor", {{"type", "TemplateProcessing"}}).starts_with("post_processor.single: "));

  json token = added(4, "<x>");
  for (const char* key : {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}) {
    json broken = token;
    broken[key] = json::array();
    CHECK(wrong("/added_tokens", json::array({token, broken}))
              .starts_with("added_tokens[1]." + std::string{key} + ": expected "));
  }
  token["id"] = -1;
  CHECK(wrong("/added_tokens", json::array({token})) ==
        "added_tokens[0].id: expected a non-negative integer, found -1");
  token["id"] = 4294967296;
  CHECK(wrong("/added_tokens", json::array({token})).ends_with("found 4294967296"));
}

TEST_CASE("a piece that the vocabulary has twice is an error") {
  std::string text = small().dump();
  text.replace(text.find("\"b\":2"), 5, "\"a\":2");
  CHECK(message_of([&] { (void)tulu::io::parse_json(text, "tokenizer.json"); }) ==
        "tokenizer.json: a: expected each key once, found a duplicate key");
}

TEST_CASE("of a merge that stands there twice both are kept, in their order") {
  const auto source = read(with("/model/merges", json::array({"a b", "#version: 0.2", "a b"})));
  REQUIRE(source.merges.size() == 2);
  CHECK(source.merges[1].result == 3);
}

TEST_CASE("steps that would fill any memory or stack are refused") {
  const json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  json list = {{"type", "Sequence"}, {"normalizers", json::array()}, {"decoders", json::array()}};
  for (int i = 0; i < 60; ++i) {
    list["normalizers"].push_back(twice);
    list["decoders"].push_back(twice);
  }
  for (const char* key : {"/normalizer", "/decoder"})
    CHECK(refusal(key, list).ends_with("expected text at most 1000 times as long, found replacements for more"));
  const json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}};
  CHECK(refusal("/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json(65, metaspace)}}) ==
        "tokenizer.json: pre_tokenizer: expected at most 64 steps, found 65");
}

TEST_CASE("a file that is no JSON is an error that names it") {
  const tulu::test::temp_dir dir;
  const auto path = dir.path() / "tokenizer.json";
  tulu::test::write_file(path, "{\"model\": ");
  CHECK(message_of([&] { (void)tulu::load_tokenizer_json(path); }).starts_with(path.string() + ": byte "));
  tulu::test::write_file(path, std::string(100'000, '['));
  CHECK(message_of([&] { (void)tulu::load_tokenizer_json(path); }) ==
        path.string() + ": expected JSON nested at most 64 deep, found deeper nesting");
  CHECK(message_of([&] { (void)tulu::load_tokenizer_json(dir.path() / "none"); }).find("cannot open") !=
        std::string::npos);
}

}  // namespace tokenizer_json_test
