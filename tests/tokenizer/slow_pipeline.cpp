#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/pipelines.hpp"
#include "support/temp_dir.hpp"
#include <tulu/core/utf8.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/slow_pipeline.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>

namespace slow_pipeline_test {

using namespace std::string_literals;
using tulu::token_id;
using tulu::tokenizer_mode;
using tulu::detail::make_slow_pipeline;
using tulu::detail::slow_pipeline;
using tulu::test::decode;
using tulu::test::encode;

const std::filesystem::path data = std::filesystem::path{TULU_TEST_DATA} / "tokenizer/slow";

tulu::sentencepiece_model small_model(const std::string& name = "llama") {
  return tulu::load_sentencepiece_model(data / (name + ".model"));
}

std::unique_ptr<const slow_pipeline> bare(tokenizer_mode mode) {
  return make_slow_pipeline(small_model(), tulu::default_tokenizer_config(mode), mode);
}

/// Every text and every list of ids of a file of make_slow.py.
void check_goldens(const std::filesystem::path& file, tokenizer_mode mode, const std::filesystem::path& model = {}) {
  const tulu::io::json goldens = tulu::io::load_json(file);
  REQUIRE(goldens["mode"] == name_of(mode));
  std::size_t checked = 0;
  for (const tulu::io::json& folder : goldens["folders"]) {
    const tulu::test::temp_dir files;
    for (const auto& [name, content] : folder["files"].items())
      tulu::test::write_file(files.path() / name, content.get<std::string>());
    const auto loaded =
        model.empty() ? small_model(folder["model"].get<std::string>()) : tulu::load_sentencepiece_model(model);
    const auto source = make_slow_pipeline(loaded, tulu::load_tokenizer_config(files.path(), mode), mode);
    CAPTURE(folder["name"].get<std::string>());
    for (const tulu::io::json& item : folder["texts"]) {
      const auto text = item["text"].get<std::string>();
      CAPTURE(item["text"].dump());
      CHECK(tulu::io::json(encode(*source, text)).dump() == item["ids"].dump());
      ++checked;
    }
    for (const tulu::io::json& item : folder["decodes"]) {
      const auto ids = item["ids"].get<std::vector<token_id>>();
      CAPTURE(item["ids"].dump());
      CHECK(tulu::replace_invalid_utf8(decode(*source, ids)) == item["text"].get<std::string>());
      ++checked;
    }
  }
  CHECK(checked > 500);
}

TEST_CASE("hf-legacy gives the ids and texts of the slow LlamaTokenizer of transformers 4.30.2") {
  check_goldens(data / "hf_legacy.json", tokenizer_mode::hf_legacy);
}

TEST_CASE("hf gives the ids and texts of the slow LlamaTokenizer of transformers 4.40.2 with legacy=False") {
  check_goldens(data / "hf.json", tokenizer_mode::hf);
}

TEST_CASE("the live model gives the ids of Tulu's training for a conversation of several turns") {
  const std::filesystem::path path = std::filesystem::path{TULU_SHARED_DIR} / "data/llama-tokenizer.model";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no " << path.string());
    return;
  }
  const auto model = tulu::load_sentencepiece_model(path);
  const std::string text = "<|user|>\nHi!\n<|assistant|>\nHello</s>\n<|user|>\nX";
  const auto mode = tokenizer_mode::hf_legacy;
  const auto source = make_slow_pipeline(model, tulu::default_tokenizer_config(mode), mode);
  CHECK(encode(*source, text) == std::vector<token_id>{529,   29989, 1792, 29989, 29958, 13,    18567, 29991, 13,
                                                       29966, 29989, 465,  22137, 29989, 29958, 13,    10994, 2,
                                                       529,   29989, 1792, 29989, 29958, 13,    29990});
  const auto newer = make_slow_pipeline(model, tulu::default_tokenizer_config(tokenizer_mode::hf), tokenizer_mode::hf);
  CHECK(encode(*newer, "Hello</s>\n<|user|>") == std::vector<token_id>{15043, 2, 13, 29966, 29989, 1792, 29989, 29958});
}

TEST_CASE("a text without special tokens is not copied in mode hf-legacy") {
  const auto source = bare(tokenizer_mode::hf_legacy);
  const tulu::detail::sentencepiece_pipeline plain{small_model()};
  const std::string text = "Hello world, <user> asks\n for more </ s>";
  std::vector<token_id> ids(200);
  tulu::token_sink sink{ids};
  tulu::encode_workspace workspace;
  source->encode(text, true, sink, workspace);
  ids.resize(sink.count());
  CHECK(ids == encode(plain, text));
  CHECK(workspace.segment.empty());
  REQUIRE(workspace.parts.size() == 1);
  CHECK(workspace.parts[0].data() == text.data());
}

TEST_CASE("a text that goes on after another has no prefix at its start, only there") {
  const tulu::detail::sentencepiece_pipeline plain{small_model()};
  const auto old = bare(tokenizer_mode::hf_legacy);
  CHECK(encode(*old, "lo world", false) == encode(plain, "lo world", false));
  CHECK(encode(*old, "lo world", false) != encode(plain, "lo world"));
  std::vector<token_id> expected = encode(plain, "lo", false);
  expected.push_back(2);
  for (const token_id id : encode(plain, "world")) expected.push_back(id);
  CHECK(encode(*old, "lo</s>world", false) == expected);
  CHECK(encode(*old, "</s>world", false) == encode(*old, "</s>world"));

  const auto newer = bare(tokenizer_mode::hf);
  CHECK(encode(*newer, "lo world", false) == encode(plain, "lo world", false));
  // A blank before a special token is a blank of the text then, not the prefix.
  std::vector<token_id> blank = encode(plain, " ", false);
  REQUIRE(blank.size() == 1);
  blank.push_back(2);
  CHECK(encode(*newer, " </s>", false) == blank);
  CHECK(encode(*newer, "</s>") == std::vector<token_id>{2});
  CHECK(encode(*newer, "</s>", false) == std::vector<token_id>{2});
}

TEST_CASE("bytes that are not UTF-8 are encoded as U+FFFD") {
  for (const auto mode : {tokenizer_mode::hf_legacy, tokenizer_mode::hf}) {
    const auto source = bare(mode);
    const std::string text = "a\xFF</s>\xC2 \xE2\x96 <s>\x80\xE3\x80";
    CHECK(encode(*source, text) == encode(*source, tulu::replace_invalid_utf8(text)));
  }
}

TEST_CASE("what does not fit the caller's buffer is counted") {
  for (const auto mode : {tokenizer_mode::hf_legacy, tokenizer_mode::hf}) {
    const auto source = bare(mode);
    tulu::encode_workspace workspace;
    for (const std::string text : {"</s>", " </s> a", "</s></s>b <s>", "plain words"}) {
      const std::vector<token_id> all = encode(*source, text);
      for (std::size_t room = 0; room <= all.size(); ++room) {
        std::vector<token_id> ids(room);
        tulu::token_sink sink{ids};
        source->encode(text, true, sink, workspace);
        CHECK(sink.count() == all.size());
        CHECK(ids == std::vector<token_id>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(room)));
      }
    }
  }
}

TEST_CASE("byte pieces decode to their bytes, whether or not these are UTF-8") {
  for (const auto mode : {tokenizer_mode::hf_legacy, tokenizer_mode::hf}) {
    const auto source = bare(mode);
    const token_id byte = source->id_of("<0xE5>").value();
    CHECK(decode(*source, {byte}) == "\xE5");
    CHECK(decode(*source, {byte, 2, byte + 1}) == (mode == tokenizer_mode::hf ? "\xE5</s>\xE6" : " \xE5</s>\xE6"));
    CHECK(decode(*source, {}).empty());
  }
}

TEST_CASE("decoding id by id leaves special tokens out and keeps blanks") {
  const tulu::test::temp_dir folder;
  tulu::test::write_file(folder.path() / "added_tokens.json", R"({"<pad>": 420, "<tool>": 421})");
  tulu::test::write_file(folder.path() / "special_tokens_map.json", R"({"pad_token": "<pad>"})");
  for (const auto mode : {tokenizer_mode::hf_legacy, tokenizer_mode::hf}) {
    const auto source = make_slow_pipeline(small_model(), tulu::load_tokenizer_config(folder.path(), mode), mode);
    std::string text;
    for (const std::string_view piece : {"</s>", "\u2581the", "<pad>", "<tool>", "<0xFF>"})
      source->decode_piece(source->id_of(piece).value(), text);
    CHECK(text == " the<tool>\xFF");
    CHECK(source->pieces().size() == 422);
  }
}

TEST_CASE("an id between others that no token has cannot be decoded") {
  const tulu::test::temp_dir folder;
  tulu::test::write_file(folder.path() / "added_tokens.json", R"({"<tool>": 430})");
  const auto mode = tokenizer_mode::hf;
  const auto source = make_slow_pipeline(small_model(), tulu::load_tokenizer_config(folder.path(), mode), mode);
  CHECK(source->pieces().size() == 431);
  REQUIRE(encode(*source, "a<tool>").size() > 1);
  CHECK(encode(*source, "a<tool>").back() == 430);
  const std::string message = tulu::test::message_of([&] { static_cast<void>(decode(*source, {430, 425})); });
  CHECK(message.find("id 425: expected a token, found none with this id") != std::string::npos);
}

TEST_CASE("with split_special_tokens special tokens are text in mode hf") {
  const tulu::test::temp_dir folder;
  tulu::test::write_file(folder.path() / "tokenizer_config.json", R"({"split_special_tokens": true})");
  const auto mode = tokenizer_mode::hf;
  const auto source = make_slow_pipeline(small_model(), tulu::load_tokenizer_config(folder.path(), mode), mode);
  const tulu::detail::sentencepiece_pipeline plain{small_model()};
  CHECK(encode(*source, "a</s>b") == encode(plain, "a</s>b"));
}

}  // namespace slow_pipeline_test
