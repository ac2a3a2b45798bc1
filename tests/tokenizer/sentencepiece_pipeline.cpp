#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/pipelines.hpp"
#include "support/proto_builder.hpp"
#include "support/unigram_goldens.hpp"
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>

namespace sentencepiece_pipeline_test {

using tulu::token_id;
using tulu::detail::sentencepiece_pipeline;
using tulu::test::decode;
using tulu::test::encode;

sentencepiece_pipeline llama(const std::vector<std::string>& texts, tulu::test::proto_settings settings = {}) {
  const std::string proto = tulu::test::llama_proto(texts, std::move(settings));
  return sentencepiece_pipeline{tulu::read_sentencepiece_model(tulu::test::bytes_of(proto), "model")};
}

const std::string blank{tulu::space_symbol};

TEST_CASE("sentencepiece_pipeline: the ids of SentencePiece for trained models of every kind") {
  const auto texts = tulu::test::unigram_goldens::texts();
  for (const std::string name : {"across_words",
                                 "bpe",
                                 "bpe_keep_user",
                                 "bpe_unused",
                                 "bpe_rules_user",
                                 "bpe_rules_suffix",
                                 "identity",
                                 "identity_keep",
                                 "identity_keep_user",
                                 "identity_no_prefix",
                                 "identity_suffix_keep",
                                 "identity_user",
                                 "nfkc_cf",
                                 "nmt_nfkc",
                                 "rules",
                                 "rules_keep_user",
                                 "rules_no_escape",
                                 "rules_no_prefix_user",
                                 "rules_suffix",
                                 "unused"}) {
    const sentencepiece_pipeline tested{tulu::test::unigram_goldens::model(name)};
    const auto ids = tulu::test::unigram_goldens::ids(name);
    REQUIRE(ids.size() == texts.size());
    tulu::encode_workspace workspace;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(name);
      CAPTURE(texts[i]);
      CHECK(encode(tested, texts[i], workspace) == ids[i]);
    }
  }
}

TEST_CASE("sentencepiece_pipeline: a text goes on after other text without a dummy prefix") {
  const auto tested = llama({blank, "a", "b", blank + "a"});
  tulu::encode_workspace workspace;
  CHECK(encode(tested, "a", workspace) == std::vector<token_id>{262});
  CHECK(encode(tested, "a", workspace, false) == std::vector<token_id>{260});
  CHECK(encode(tested, "", workspace).empty());
}

TEST_CASE("sentencepiece_pipeline: decoding takes the dummy prefix off, leaves control pieces out, and gives bytes") {
  const auto tested = llama({blank, "a", "b", blank + "a"});
  CHECK(decode(tested, {}).empty());
  CHECK(decode(tested, {262, 262}) == "a a");
  CHECK(decode(tested, {1, 2, 262}) == "a");
  CHECK(decode(tested, {259, 259, 260}) == " a");
  CHECK(decode(tested, {260, 262}) == "a a");
  CHECK(decode(tested, {0, 262}) == " \xE2\x81\x87  a");
  CHECK(decode(tested, {3 + 0xC3, 3 + 0xA9}) == "\xC3\xA9");
  CHECK(decode(tested, {3 + 0xFF, 262}) == "\xFF a");
}

TEST_CASE("sentencepiece_pipeline: decode(encode(x)) is x for valid UTF-8 without U+2581") {
  const auto tested = llama({blank, "a", "b", blank + blank, blank + "a", "ab", "\xC3\xA9", "a\xC3\xA9"});
  tulu::encode_workspace workspace;
  for (const std::string& text : tulu::test::unigram_goldens::texts()) {
    if (tulu::replace_invalid_utf8(text) != text || text.find(blank) != std::string::npos) continue;
    CHECK(decode(tested, encode(tested, text, workspace)) == text);
  }
}

TEST_CASE("sentencepiece_pipeline: without a dummy prefix decoding keeps the first blank") {
  tulu::test::proto_settings settings;
  settings.normalizer = tulu::test::proto_normalizer{};
  settings.normalizer->add_dummy_prefix = false;
  const auto tested = llama({blank, "a", blank + "a"}, settings);
  CHECK(decode(tested, {261, 261}) == " a a");
}

TEST_CASE("sentencepiece_pipeline: user-defined pieces may be any bytes") {
  auto pieces = tulu::test::reserved_pieces();
  pieces.push_back({"a", 0});
  pieces.push_back({"\xFF", 0, tulu::piece_kind::user_defined});
  pieces.push_back({"x\xE2", 0, tulu::piece_kind::user_defined});
  tulu::test::proto_settings settings;
  settings.normalizer = tulu::test::proto_normalizer{};
  settings.normalizer->add_dummy_prefix = false;
  const std::string proto = tulu::test::model_proto(pieces, settings);
  const sentencepiece_pipeline tested{tulu::read_sentencepiece_model(tulu::test::bytes_of(proto), "model")};
  tulu::encode_workspace workspace;
  CHECK(encode(tested,
               "a\xFFx\xE2"
               "a",
               workspace) == std::vector<token_id>{3, 4, 5, 3});
}

TEST_CASE("sentencepiece_pipeline: decoding takes off a U+2581 of a piece, not a blank") {
  auto pieces = tulu::test::reserved_pieces();
  pieces.push_back({" a", 0});
  pieces.push_back({blank + "a", 0});
  const std::string proto = tulu::test::model_proto(pieces);
  const sentencepiece_pipeline tested{tulu::read_sentencepiece_model(tulu::test::bytes_of(proto), "model")};
  CHECK(decode(tested, {3, 3}) == " a a");
  CHECK(decode(tested, {4, 3}) == "a a");
}

}  // namespace sentencepiece_pipeline_test
