#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/gguf_vocab.hpp"
#include "support/temp_dir.hpp"
#include <tulu/generation/gguf_tokenizer.hpp>
#include <tulu/generation/load_tokenizer.hpp>

namespace gguf_tokenizer_test {

using tulu::token_id;
using tulu::tokenizer_mode;
using tulu::io::json;
using tulu::test::gguf_keys;
using tulu::test::keys_of;
using tulu::test::message_of;
using ids = std::vector<token_id>;

const std::filesystem::path data = std::filesystem::path{TULU_TEST_DATA} / "tokenizer";

const tulu::sentencepiece_model& small_model() {
  static const auto model = tulu::load_sentencepiece_model(data / "slow/llama.model");
  return model;
}

tulu::tokenizer made_of(const gguf_keys& keys, std::optional<tokenizer_mode> mode = std::nullopt) {
  return tulu::load_gguf_tokenizer(keys.metadata(), mode);
}

const std::vector<std::string> texts{"",
                                     "a",
                                     " ",
                                     "Hello world",
                                     "  two  blanks ",
                                     "\n\n<|user|>\nHi</s>\n<|assistant|>\n",
                                     "<s>a</s> b <unk>c",
                                     "<pad>x <pad>\n <pad>",
                                     "\xE2\x96\x81 a\xE2\x96\x81",
                                     "日本語🦙 \xFF é\u0301",
                                     "the [PAD421] <|extra|>"};

/// Whether one of the added tokens of which GGUF does not tell all is in `text`.
bool has_flagged_token(const json& root, std::string_view text) {
  for (const json& token : root["added_tokens"])
    if ((token["lstrip"] == true || token["rstrip"] == true || token["single_word"] == true) &&
        text.find(token["content"].get_ref<const std::string&>()) != text.npos)
      return true;
  return false;
}

void check_same(const tulu::tokenizer& made, const tulu::tokenizer& expected) {
  for (const std::string& text : texts) {
    CAPTURE(text);
    const ids found = made.encode(text);
    CHECK(found == expected.encode(text));
    CHECK(made.decode(found) == expected.decode(found));
  }
}

TEST_CASE("load_gguf_tokenizer: a SentencePiece vocabulary has the ids of its tokenizer.model in every mode") {
  for (const tokenizer_mode mode : {tokenizer_mode::spm, tokenizer_mode::hf_legacy, tokenizer_mode::hf}) {
    CAPTURE(tulu::name_of(mode));
    check_same(made_of(keys_of(small_model()), mode), tulu::load_tokenizer(data / "slow/llama.model", mode));
  }
}

TEST_CASE("load_gguf_tokenizer: tokens behind the pieces are Hugging Face's added tokens in its modes") {
  const tulu::test::temp_dir folder;
  std::filesystem::copy(data / "slow/llama.model", folder.path() / "tokenizer.model");
  tulu::test::write_file(folder.path() / "added_tokens.json", R"({"<pad>": 420, "<|extra|>": 421})");
  tulu::test::write_file(folder.path() / "special_tokens_map.json",
                         R"({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})");
  gguf_keys keys = keys_of(small_model(), {{"<pad>", 3}, {"<|extra|>", 4}, {"[PAD422]", 5}});
  keys.set("ggml.padding_token_id", std::uint32_t{420});
  const auto legacy = made_of(keys, tokenizer_mode::hf_legacy);
  check_same(legacy, tulu::load_tokenizer(folder.path(), tokenizer_mode::hf_legacy));
  CHECK(legacy.special().pad == 420U);
  CHECK(legacy.encode("<pad>") == ids{420});
  CHECK(made_of(keys, tokenizer_mode::hf).encode("<pad><|extra|>").back() == 421);
  // To SentencePiece special tokens are text; user-defined ones are found.
  const auto spm = made_of(keys);
  CHECK(spm.mode() == tokenizer_mode::spm);
  CHECK(spm.size() == 423);
  CHECK(spm.encode("<pad>") == tulu::load_tokenizer(data / "slow/llama.model").encode("<pad>"));
  CHECK(spm.encode("a<|extra|>").back() == 421);
}

TEST_CASE("load_gguf_tokenizer: add_space_prefix is the dummy prefix, blanks of user-defined pieces are U+2581") {
  gguf_keys keys = keys_of(small_model(), {{"<a b>", 4}});
  CHECK(made_of(keys).encode("x<a b>").back() == 420);
  keys.set("ggml.add_space_prefix", false);
  CHECK(made_of(keys).encode("a") == made_of(keys_of(small_model())).encode("a", {.at_start = false}));
  CHECK(made_of(keys).encode("a") != made_of(keys_of(small_model())).encode("a"));
}

TEST_CASE("load_gguf_tokenizer: a byte-level vocabulary has the ids of its tokenizer.json") {
  const json goldens = tulu::io::load_json(data / "byte_level/goldens.json");
  const std::vector<std::pair<std::string, std::string>> names{{"gpt2", "gpt-2"},
                                                               {"smollm", "smollm"},
                                                               {"llama3", "llama-bpe"},
                                                               {"qwen2", "qwen2"},
                                                               {"bytes_dropped", "smollm"}};
  std::size_t checked = 0;
  for (const json& variant : goldens["variants"]) {
    for (const auto& each : names) {
      if (variant["name"] != each.first) continue;
      CAPTURE(each.second);
      json root = goldens["bases"][variant["base"].get_ref<const std::string&>()];
      for (const auto& [key, value] : variant["set"].items())
        (key.starts_with("model.") ? root["model"][key.substr(6)] : root[key]) = value;
      const auto tokens = made_of(keys_of(tulu::io::parse_json(root.dump(), "root"), each.second));
      CHECK(tokens.mode() == tokenizer_mode::hf_fast);
      for (std::size_t i = 0; i < goldens["texts"].size(); ++i) {
        const auto& text = goldens["texts"][i].get_ref<const std::string&>();
        CAPTURE(text);
        if (has_flagged_token(root, text)) continue;
        const json expected = tulu::io::parse_json(variant["ids"][i].dump(), "ids");
        CHECK(tokens.encode(text) == tulu::io::json_as<ids>(expected).value());
        ++checked;
      }
    }
  }
  CHECK(checked > 580);
}

TEST_CASE(
    "load_gguf_tokenizer: in mode spm special strings are text for byte-level BPE, and tokens decode to nothing") {
  const json goldens = tulu::io::load_json(data / "byte_level/goldens.json");
  const gguf_keys keys = keys_of(goldens["bases"]["gpt2"], "gpt-2");
  const auto fast = made_of(keys);
  const auto plain = made_of(keys, tokenizer_mode::spm);
  CHECK(fast.encode("</s>") == ids{1});
  CHECK(plain.encode("</s>").size() > 1);
  CHECK(plain.decode(plain.encode("a</s>b")) == "a</s>b");
  CHECK(fast.decode(ids{1}) == "</s>");
  CHECK(plain.decode(ids{1}).empty());
  CHECK(plain.pieces().text(1) == "</s>");
}

TEST_CASE("load_gguf_tokenizer: special tokens and BOS are what the keys say, else the usual") {
  gguf_keys keys = keys_of(small_model());
  CHECK(made_of(keys).special().adds_bos);
  CHECK(made_of(keys).special().bos == 1U);
  CHECK_FALSE(made_of(keys).special().pad.has_value());
  keys.drop("ggml.bos_token_id");
  keys.drop("ggml.eos_token_id");
  keys.set("ggml.eot_token_id", std::uint32_t{300});
  keys.set("ggml.add_bos_token", false);
  CHECK(made_of(keys).special().bos == 1U);
  CHECK(made_of(keys).special().eos == 2U);
  CHECK(made_of(keys).special().eot == 300U);
  CHECK_FALSE(made_of(keys).special().adds_bos);
  keys.set("ggml.eot_token_id", std::numeric_limits<std::uint32_t>::max());
  CHECK_FALSE(made_of(keys).special().eot.has_value());

  const json goldens = tulu::io::load_json(data / "byte_level/goldens.json");
  gguf_keys fast = keys_of(goldens["bases"]["llama3"], "llama-bpe");
  CHECK(made_of(fast).special().adds_bos);
  CHECK_FALSE(made_of(fast).special().bos.has_value());
  fast.set("ggml.pre", "gpt-2");
  CHECK_FALSE(made_of(fast).special().adds_bos);
  CHECK(made_of(fast).warnings().empty());
  fast.drop("ggml.pre");
  CHECK(made_of(fast).warnings().size() == 1);
}

TEST_CASE("load_gguf_tokenizer: what is damaged or not supported is named") {
  const gguf_keys good = keys_of(small_model());
  const auto failure = [&](auto&& change, std::optional<tokenizer_mode> mode = std::nullopt) {
    gguf_keys keys = good;
    change(keys);
    return message_of([&] { static_cast<void>(made_of(keys, mode)); });
  };
  CHECK(failure([](gguf_keys& k) { k.set("ggml.model", "t5"); }) ==
        "vocab.gguf: tokenizer.ggml.model: expected \"llama\" or \"gpt2\", found \"t5\"");
  CHECK(failure([](gguf_keys& k) { k.drop("ggml.model"); }).find("tokenizer.ggml.model") != std::string::npos);
  CHECK(failure([](gguf_keys& k) { k.drop("ggml.tokens"); }).find("tokenizer.ggml.tokens") != std::string::npos);
  CHECK(failure([](gguf_keys& k) { k.set("ggml.bos_token_id", std::uint32_t{420}); }).find("an id below 420") !=
        std::string::npos);
  CHECK(failure([](gguf_keys& k) { k.set_list("ggml.scores", std::vector<float>{1}); }).find("420 numbers") !=
        std::string::npos);
  CHECK(failure([](gguf_keys& k) {
          k.set_list("ggml.scores", std::vector<float>(420, std::numeric_limits<float>::quiet_NaN()));
        }).find("tokenizer.ggml.scores[0]") != std::string::npos);
  CHECK(failure([](gguf_keys& k) { k.set_list("ggml.token_type", std::vector<std::int32_t>(420, 7)); }) ==
        "vocab.gguf: tokenizer.ggml.token_type[0]: expected a type from 1 to 6, found 7");
  CHECK(failure([](gguf_keys& k) {
          k.set_list("ggml.tokens", std::vector<std::string>(420, "a"));
        }).find("a new text") != std::string::npos);
  CHECK(failure([](gguf_keys&) {}, tokenizer_mode::hf_fast) ==
        "vocab.gguf: expected mode spm, hf-legacy or hf, found hf-fast, as tokenizer.ggml.model is \"llama\"");
  const auto as_gpt2 = [](gguf_keys& k) {
    k.set("ggml.model", "gpt2");
    k.set_list("ggml.merges", std::vector<std::string>{"nothing known"});
  };
  CHECK(failure(as_gpt2).find("tokenizer.ggml.merges[0]") != std::string::npos);
  CHECK(failure(as_gpt2, tokenizer_mode::hf).find("mode hf-fast or spm") != std::string::npos);
  CHECK(failure([&](gguf_keys& k) {
          as_gpt2(k);
          k.set("ggml.pre", "tekken");
        }).find("tokenizer.ggml.pre: expected one of default, gpt-2") != std::string::npos);
  CHECK(failure([](gguf_keys& k) { k.set("ggml.model", "gpt2"); }).find("tokenizer.ggml.merges") != std::string::npos);
}

// gguf/llama.gguf is written by tests/programs/support/gguf_files.py from slow/llama.model, with gguf-py.
TEST_CASE("load_tokenizer: a GGUF file, whatever its name") {
  const tulu::test::temp_dir folder;
  const auto path = folder.path() / "model";
  std::filesystem::copy(data / "gguf/llama.gguf", path);
  check_same(tulu::load_tokenizer(path), tulu::load_tokenizer(data / "slow/llama.model"));
  CHECK(tulu::load_tokenizer(path, tokenizer_mode::hf).mode() == tokenizer_mode::hf);
}

}  // namespace gguf_tokenizer_test
