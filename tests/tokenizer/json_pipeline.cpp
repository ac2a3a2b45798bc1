#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/pipelines.hpp"
#include "support/temp_dir.hpp"
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/json_pipeline.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace json_pipeline_test {

using tulu::test::decode;
using tulu::test::encode;

using tulu::token_id;
using tulu::detail::json_pipeline;
using tulu::io::json;

std::string golden_path(std::string_view name) {
  return std::string{TULU_TEST_DATA} + "/tokenizer/json/" + std::string{name};
}

/// llama_small.json with the keys of `changes` in place of its own.
tulu::tokenizer_json changed(const json& changes) {
  json root = tulu::io::load_json(golden_path("llama_small.json"));
  for (const auto& [key, value] : changes.items()) {
    const std::string_view name = key;
    if (name.starts_with("model.")) {
      root["model"][std::string{name.substr(6)}] = value;
    } else {
      root[key] = value;
    }
  }
  // Parsed again: numbers of a file that are not negative are unsigned.
  return tulu::read_tokenizer_json(tulu::io::parse_json(root.dump(), "root"), "tokenizer.json");
}

std::vector<token_id> ids_of(const json& list) {
  return tulu::io::json_as<std::vector<token_id>>(list).value();
}

/// The text of `ids` is `expected`; null there means that it is no UTF-8.
void check_text(const json_pipeline& pipeline, const std::vector<token_id>& ids, const json& expected) {
  if (!expected.is_null()) CHECK(decode(pipeline, ids) == expected.get_ref<const std::string&>());
}

std::vector<token_id> joined(std::vector<token_id> left, const std::vector<token_id>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const json prepend_always = {
    {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}, {"split", false}};

TEST_CASE("ids and text are those of tokenizers 0.19.1, whatever the pipeline") {
  const json goldens = tulu::io::load_json(golden_path("goldens.json"));
  CHECK(goldens["variants"].size() > 30);
  for (const json& variant : goldens["variants"]) {
    CAPTURE(variant["name"].get_ref<const std::string&>());
    const json_pipeline pipeline{changed(variant["set"])};
    for (std::size_t i = 0; i < goldens["texts"].size(); ++i) {
      const auto& text = goldens["texts"][i].get_ref<const std::string&>();
      CAPTURE(text);
      const auto ids = ids_of(variant["ids"][i]);
      CHECK(encode(pipeline, text) == ids);
      check_text(pipeline, ids, variant["decoded"][i]);
    }
    for (std::size_t i = 0; i < goldens["id_lists"].size(); ++i)
      check_text(pipeline, ids_of(goldens["id_lists"][i]), variant["from_ids"][i]);
  }
}

TEST_CASE("text that goes on after other text gets no blank before it") {
  const json metaspace = {{"normalizer", nullptr}, {"pre_tokenizer", prepend_always}};
  json split = metaspace;
  split["pre_tokenizer"]["split"] = true;
  for (const json& changes : {json::object(), metaspace, split}) {
    const json_pipeline pipeline{changed(changes)};
    CHECK(encode(pipeline, "the", false) != encode(pipeline, "the"));
    CHECK(encode(pipeline, " the", false) == encode(pipeline, "the"));
    // After a special token the text begins anew.
    CHECK(encode(pipeline, "<s>the", false) == joined({1}, encode(pipeline, "the")));
    CHECK(encode(pipeline, "the<s>the", false) ==
          joined(encode(pipeline, "the", false), joined({1}, encode(pipeline, "the"))));
  }
}

TEST_CASE("bytes that are not UTF-8 are U+FFFD, in the text and in tokens") {
  const json_pipeline direct{changed(json::object())};
  const json_pipeline stepwise{changed({{"normalizer", nullptr}})};
  const std::string_view broken = "a\xFF \xE2\x96 <s>\xC3";
  const std::string_view mended = "a\uFFFD \uFFFD\uFFFD <s>\uFFFD";
  CHECK(encode(direct, broken) == encode(direct, mended));
  CHECK(encode(stepwise, broken) == encode(stepwise, mended));

  json changes = {{"added_tokens", json::array()}};
  const auto size = changed(json::object()).pieces.size();
  changes["added_tokens"].push_back({{"id", size}, {"content", "\uFFFD!"}, {"normalized", false}});
  const json_pipeline tokens{changed(changes)};
  CHECK(encode(tokens, "\xFF!").back() == size);
}

TEST_CASE("byte pieces that are no UTF-8 give their bytes") {
  constexpr token_id zero = 3;  // the piece of byte 0
  const json_pipeline direct{changed(json::object())};
  CHECK(decode(direct, {zero + 0xE2, zero + 0x41}) == "\xE2\x41");
  const json_pipeline stepwise{changed({{"decoder", {{"type", "ByteFallback"}}}})};
  CHECK(decode(stepwise, {zero + 0xE2, zero + 0x41}) == "\xE2\x41");
  CHECK(decode(direct, encode(direct, "\xF0\x9F")) == "\uFFFD\uFFFD");
}

TEST_CASE("an id in a hole of the vocabulary is an error at decoding") {
  const auto size = static_cast<token_id>(changed(json::object()).pieces.size());
  json vocab = tulu::io::load_json(golden_path("llama_small.json"))["model"]["vocab"];
  vocab["hole"] = size + 1;
  for (const json& decoder : {json(nullptr), json{{"type", "Fuse"}}}) {
    const json_pipeline pipeline{changed({{"model.vocab", vocab}, {"decoder", decoder}})};
    CHECK(decode(pipeline, {size + 1}) == "hole");
    CHECK(tulu::test::message_of([&] { (void)decode(pipeline, {size}); }) ==
          "tokenizer.json: id " + std::to_string(size) +
              ": expected an id of the vocabulary, found one that no piece has");
  }
}

TEST_CASE("one id in the middle of a text") {
  const auto source = changed(json::object());
  const json_pipeline pipeline{source};
  const auto piece = [&](token_id id) {
    std::string out = "|";
    pipeline.decode_piece(id, out);
    return out;
  };
  const auto the = encode(pipeline, "the");
  REQUIRE(the.size() == 1);
  CHECK(piece(the[0]) == "| the");
  CHECK(piece(3 + 0xE2) == "|\xE2");
  CHECK(piece(1) == "|");
}

TEST_CASE("a token that the normalizer leaves nothing of is an error") {
  json changes = {{"normalizer", {{"type", "Replace"}, {"pattern", {{"String", "x"}}}, {"content", ""}}},
                  {"added_tokens", json::array()}};
  const auto size = changed(json::object()).pieces.size();
  changes["added_tokens"].push_back({{"id", size}, {"content", "xx"}, {"normalized", true}});
  CHECK(tulu::test::message_of([&] { const json_pipeline pipeline{changed(changes)}; }) ==
        "tokenizer.json: added_tokens: expected text left by the normalizer, found none of xx");
}

TEST_CASE("a workspace that has grown is not grown again") {
  const json_pipeline pipeline{changed(json::object())};
  tulu::encode_workspace workspace;
  std::vector<token_id> ids(10'000);
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the quick <s> 日本語 \xFF zebra" + std::to_string(i);
  const auto run = [&] {
    tulu::token_sink sink{ids};
    pipeline.encode(text, true, sink, workspace);
    return sink.count();
  };
  const std::size_t count = run();
  const auto* const symbols = workspace.symbols.data();
  const auto* const chunk = workspace.chunk.data();
  CHECK(run() == count);
  CHECK(workspace.symbols.data() == symbols);
  CHECK(workspace.chunk.data() == chunk);
}

TEST_CASE("Split keeps, removes and merges what it finds") {
  const auto parts = [](std::string_view text, tulu::json_step::split_behavior behavior, bool invert) {
    std::vector<std::string> out;
    tulu::detail::split_text(text, {"-", behavior, invert}, [&](std::string_view part) { out.emplace_back(part); });
    return out;
  };
  using behavior = tulu::json_step::split_behavior;
  using list = std::vector<std::string>;
  const std::string_view text = "The-final--countdown";
  CHECK(parts(text, behavior::removed, false) == list{"The", "final", "countdown"});
  CHECK(parts(text, behavior::removed, true) == list{"-", "-", "-"});
  CHECK(parts(text, behavior::isolated, false) == list{"The", "-", "final", "-", "-", "countdown"});
  CHECK(parts(text, behavior::merged_with_previous, false) == list{"The-", "final-", "-", "countdown"});
  CHECK(parts(text, behavior::merged_with_next, false) == list{"The", "-final", "-", "-countdown"});
  CHECK(parts(text, behavior::contiguous, false) == list{"The", "-", "final", "--", "countdown"});
  CHECK(parts("--", behavior::merged_with_next, false) == list{"-", "-"});
  CHECK(parts("-", behavior::removed, false).empty());
}

}  // namespace json_pipeline_test
