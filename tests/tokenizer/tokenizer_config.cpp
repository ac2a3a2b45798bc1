#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/tokenizer_config.hpp>

namespace tokenizer_config_test {

using tulu::added_token;
using tulu::load_tokenizer_config;
using tulu::named_token;
using tulu::tokenizer_config;
using tulu::tokenizer_mode;
using tulu::test::message_of;

/// A folder with the files of a tokenizer.
struct model_files {
  tulu::test::temp_dir dir;
  model_files& with(const std::string& name, std::string_view content) {
    tulu::test::write_file(dir.path() / name, content);
    return *this;
  }
  model_files& config(std::string_view content) { return with("tokenizer_config.json", content); }
  model_files& map(std::string_view content) { return with("special_tokens_map.json", content); }
  model_files& added(std::string_view content) { return with("added_tokens.json", content); }
  [[nodiscard]] tokenizer_config load(tokenizer_mode mode = tokenizer_mode::hf) const {
    return load_tokenizer_config(dir.path(), mode);
  }
  /// The message of loading, without the folder.
  [[nodiscard]] std::string failure(tokenizer_mode mode = tokenizer_mode::hf) const {
    const std::string text = message_of([&] { static_cast<void>(load(mode)); });
    return text.substr(text.empty() ? 0 : dir.path().string().size() + 1);
  }
};

const added_token& special(const tokenizer_config& config, std::string_view key) {
  for (const named_token& named : config.special_tokens)
    if (named.key == key) return named.token;
  throw tulu::error{"no such token"};
}

constexpr tokenizer_mode old = tokenizer_mode::hf_legacy;
constexpr tokenizer_mode newer = tokenizer_mode::hf;

TEST_CASE("without files LlamaTokenizer's defaults hold; in mode hf-legacy as plain strings, as in training") {
  const model_files files;
  for (const auto mode : {old, newer}) {
    const tokenizer_config config = files.load(mode);
    CHECK_FALSE(config.found);
    CHECK(config.token("bos_token") == "<s>");
    CHECK(config.token("eos_token") == "</s>");
    CHECK(config.token("unk_token") == "<unk>");
    CHECK(config.token("pad_token") == std::nullopt);
    CHECK(config.add_bos_token);
    CHECK_FALSE(config.add_eos_token);
    CHECK(config.legacy == std::nullopt);
    CHECK(special(config, "eos_token").plain_string == (mode == old));
    CHECK(special(tulu::default_tokenizer_config(mode), "eos_token").plain_string == (mode == old));
  }
}

TEST_CASE("the settings of tokenizer_config.json are read") {
  model_files files;
  files.config(R"({"add_bos_token": false, "add_eos_token": true, "legacy": false, "add_prefix_space": false,
                   "clean_up_tokenization_spaces": true, "split_special_tokens": true, "model_max_length": 2048,
                   "chat_template": "T"})");
  const tokenizer_config config = files.load();
  CHECK(config.found);
  CHECK_FALSE(config.add_bos_token);
  CHECK(config.add_eos_token);
  CHECK(config.legacy == false);
  CHECK_FALSE(config.add_prefix_space);
  CHECK(config.clean_up_tokenization_spaces);
  CHECK(config.split_special_tokens);
  CHECK(config.model_max_length == 2048);
  CHECK(config.chat_template == "T");
  CHECK(config.warnings.empty());
}

TEST_CASE("no limit of the length and one template of several are understood") {
  model_files files;
  files.config(R"({"model_max_length": 1000000000000000019884624838656, "chat_template":
                   [{"name": "tool", "template": "A"}, {"name": "default", "template": "B"}]})");
  CHECK(files.load().model_max_length == std::nullopt);
  CHECK(files.load().chat_template == "B");
}

TEST_CASE("a token is a plain string only where transformers 4.30 keeps it as one") {
  model_files files;
  files.config(R"({"bos_token": "<s>", "sep_token": "<sep>", "pad_token": {"__type": "AddedToken", "content": "<pad>",
                   "rstrip": true}})");
  CHECK_FALSE(special(files.load(old), "bos_token").plain_string);
  CHECK(special(files.load(old), "sep_token").plain_string);
  CHECK_FALSE(special(files.load(old), "pad_token").plain_string);
  CHECK(special(files.load(old), "pad_token").rstrip);
  files.map(R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": true, "single_word": true}})");
  CHECK(special(files.load(old), "bos_token").plain_string);
  CHECK_FALSE(special(files.load(old), "eos_token").plain_string);
  CHECK(special(files.load(old), "eos_token").lstrip);
  CHECK(special(files.load(old), "eos_token").single_word);
  CHECK(files.load(old).warnings.empty());
}

TEST_CASE("special_tokens_map.json counts over tokenizer_config.json, and the conflict is reported") {
  model_files files;
  files.config(R"({"pad_token": "[PAD]", "eos_token": "</s>"})").map(R"({"pad_token": "<pad>", "eos_token": "</s>"})");
  for (const auto mode : {old, newer}) {
    const tokenizer_config config = files.load(mode);
    CHECK(config.token("pad_token") == "<pad>");
    REQUIRE(config.warnings.size() == 1);
    CHECK(config.warnings[0] == files.dir.path().string() +
                                    ": special_tokens_map.json says pad_token <pad>, tokenizer_config.json says "
                                    "[PAD]: special_tokens_map.json counts");
  }
}

TEST_CASE("with added_tokens_decoder, transformers 4.40 reads tokenizer_config.json alone") {
  model_files files;
  files.config(R"({"pad_token": "[PAD]", "eos_token": "</s>", "added_tokens_decoder": {
                   "2": {"content": "</s>", "rstrip": true, "special": true}, "9": {"content": "[PAD]"}}})");
  files.map(R"({"pad_token": "<pad>"})").added(R"({"<x>": 9})");
  const tokenizer_config config = files.load(newer);
  CHECK(config.token("pad_token") == "[PAD]");
  CHECK(special(config, "eos_token").rstrip);
  CHECK_FALSE(special(config, "bos_token").rstrip);
  REQUIRE(config.added_tokens.size() == 2);
  CHECK(config.added_tokens[0].id == 2);
  CHECK(config.added_tokens[1].content == "[PAD]");
  REQUIRE(config.warnings.size() == 2);
  CHECK(config.warnings[0].find("tokenizer_config.json says [PAD]: tokenizer_config.json counts") != std::string::npos);
  CHECK(config.warnings[1].find("added_tokens.json says <x> has id 9, tokenizer_config.json says [PAD] has it") !=
        std::string::npos);
}

TEST_CASE("transformers 4.30 does not know added_tokens_decoder: what only it names is reported") {
  model_files files;
  files.config(R"({"pad_token": "<pad>", "added_tokens_decoder": {"9": {"content": "<pad>"}, "10": {"content": "<x>"},
                   "11": {"content": "<y>"}}})");
  files.added(R"({"<y>": 11})");
  const tokenizer_config config = files.load(old);
  REQUIRE(config.added_tokens.size() == 1);
  CHECK(config.added_tokens[0].id == 11);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].find("names <x>, added_tokens.json does not") != std::string::npos);
}

TEST_CASE("transformers 4.40 takes the added tokens of tokenizer.json over those of added_tokens.json") {
  model_files files;
  files.map(R"({"pad_token": "<pad>"})").added(R"({"<old>": 5, "<pad>": 6, "<x>": 7})");
  files.with("tokenizer.json", R"({"added_tokens": [{"id": 5, "content": "<new>"}, {"id": 6, "content": "<pad>",
                                   "lstrip": true, "special": true}]})");
  const tokenizer_config config = files.load(newer);
  REQUIRE(config.added_tokens.size() == 3);
  CHECK(config.added_tokens[0].content == "<x>");
  CHECK(config.added_tokens[1].content == "<new>");
  CHECK(special(config, "pad_token").lstrip);
  REQUIRE(config.warnings.size() == 2);
  CHECK(config.warnings[0].find("says <old> has id 5, tokenizer.json says <new> has it") != std::string::npos);
  CHECK(config.warnings[1].find("says <x> has id 7, tokenizer.json says nothing of the id") != std::string::npos);
  CHECK(files.load(old).added_tokens.size() == 3);
  CHECK(files.load(old).added_tokens[0].content == "<old>");
}

TEST_CASE("additional_special_tokens of both files count in 4.40, those of special_tokens_map.json in 4.30") {
  model_files files;
  files.config(R"({"additional_special_tokens": ["<a>"]})").map(R"({"additional_special_tokens": ["<b>"]})");
  const auto count = [](const tokenizer_config& config) {
    std::string all;
    for (const named_token& named : config.special_tokens)
      if (named.key == "additional_special_tokens") all += named.token.content;
    return all;
  };
  CHECK(count(files.load(newer)) == "<a><b>");
  CHECK(count(files.load(old)) == "<b>");
}

TEST_CASE("null takes a default away, a blank token counts as absent") {
  model_files files;
  files.config(R"({"unk_token": null})").map(R"({"bos_token": "", "eos_token": {"content": ""}})");
  for (const auto mode : {old, newer}) {
    const tokenizer_config config = files.load(mode);
    CHECK(config.token("unk_token") == std::nullopt);
    CHECK(config.token("bos_token") == std::nullopt);
    CHECK(config.token("eos_token") == std::nullopt);
    REQUIRE(config.warnings.size() == 2);
    CHECK(config.warnings[0].find("bos_token is blank and counts as absent") != std::string::npos);
  }
}

TEST_CASE("errors name the file and the key") {
  const auto failure = [](const char* name, std::string_view content) {
    model_files files;
    return files.with(name, content).failure();
  };
  const char* const config = "tokenizer_config.json";
  CHECK(failure(config, "[]") == "tokenizer_config.json: expected a JSON object, found an array");
  CHECK(failure(config, R"({"legacy": "no"})") ==
        "tokenizer_config.json: legacy: expected true or false, found \"no\"");
  CHECK(failure(config, R"({"bos_token": 1})") ==
        "tokenizer_config.json: bos_token: expected a token (a string or an object), found 1");
  CHECK(failure(config, R"({"bos_token": {"lstrip": true}})") ==
        "tokenizer_config.json: bos_token: content: expected a string, found no such key");
  CHECK(failure(config, R"({"model_max_length": -1})") ==
        "tokenizer_config.json: model_max_length: expected a non-negative integer, found -1");
  CHECK(failure(config, R"({"added_tokens_decoder": {"x": {"content": "a"}}})") ==
        "tokenizer_config.json: added_tokens_decoder: expected ids as keys, found \"x\"");
  CHECK(failure(config, R"({"added_tokens_decoder": []})") ==
        "tokenizer_config.json: added_tokens_decoder: expected a JSON object, found an array");
  CHECK(failure("special_tokens_map.json", R"({"additional_special_tokens": "<a>"})") ==
        "special_tokens_map.json: additional_special_tokens: expected an array of tokens, found \"<a>\"");
  CHECK(failure("added_tokens.json", R"({"<a>": -1})") ==
        "added_tokens.json: <a>: expected a non-negative integer, found -1");
  CHECK(failure("added_tokens.json", R"({"<a>": 3, "<b>": 3})") ==
        "added_tokens.json: <b>: expected an id of its own, found id 3, which <a> has");
  CHECK(failure("tokenizer.json", R"({"added_tokens": [{"content": "a"}]})") ==
        "tokenizer.json: added_tokens: id: expected a non-negative integer, found no such key");
}

}  // namespace tokenizer_config_test
