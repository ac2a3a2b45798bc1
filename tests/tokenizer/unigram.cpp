#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/unigram_goldens.hpp"
#include <tulu/tokenizer/sentencepiece_normalizer.hpp>
#include <tulu/tokenizer/unigram.hpp>

using tulu::encode_workspace;
using tulu::piece_kind;
using tulu::sentencepiece_model;
using tulu::token_id;
using tulu::detail::unigram;

namespace unigram_test {

using goldens = tulu::test::unigram_goldens;
using ids = std::vector<token_id>;

ids encoded(const unigram& encoder, std::string_view normalized, encode_workspace& workspace) {
  ids out;
  encoder.encode(
      normalized, [&out](token_id id) { out.push_back(id); }, workspace);
  return out;
}
ids encoded(const sentencepiece_model& model, std::string_view normalized) {
  encode_workspace workspace;
  return encoded(unigram{model}, normalized, workspace);
}

/// Piece 0 is the unknown one.
sentencepiece_model make_model() {
  sentencepiece_model model;
  model.pieces.add("<unk>", 0, piece_kind::unknown);
  return model;
}

TEST_CASE("unigram: equals SentencePiece") {
  const auto texts = goldens::texts();
  encode_workspace workspace;
  for (const std::string name :
       {"nmt_nfkc", "nfkc_cf", "identity", "identity_keep", "identity_user", "identity_keep_user", "identity_no_prefix",
        "identity_suffix_keep", "rules", "rules_keep_user", "rules_suffix", "rules_no_prefix_user", "rules_no_escape",
        "unused", "across_words"}) {
    const sentencepiece_model model = goldens::model(name);
    const tulu::detail::sentencepiece_normalizer normalizer{model};
    const unigram encoder{model};
    const auto expected = goldens::ids(name);
    REQUIRE(expected.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(name);
      CAPTURE(texts[i]);
      normalizer.normalize(texts[i], model.normalization.add_dummy_prefix, workspace.normalized);
      CHECK(encoded(encoder, workspace.normalized, workspace) == expected[i]);
    }
  }
}

TEST_CASE("unigram: the best sum wins; of equal ones the piece that begins first") {
  auto model = make_model();
  for (const std::string_view piece : {"a", "b", "c"}) model.pieces.add(piece, -1, piece_kind::normal);
  model.pieces.add("ab", -2, piece_kind::normal);
  model.pieces.add("bc", -1.5, piece_kind::normal);
  CHECK(encoded(model, "ab") == ids{4});
  CHECK(encoded(model, "abc") == ids{1, 5});
  CHECK(encoded(model, "") == ids{});
}

TEST_CASE("unigram: scores are compared before they are rounded") {
  // -16777215.5 is better than -16777216, which is the float next to it.
  auto model = make_model();
  model.pieces.add("a", -16777214.F, piece_kind::normal);
  model.pieces.add("b", -2.F, piece_kind::normal);
  model.pieces.add("ab", -16777216.F, piece_kind::normal);
  model.pieces.add("c", -1.5F, piece_kind::normal);
  model.pieces.add("ac", -16777216.F, piece_kind::normal);
  CHECK(encoded(model, "ab") == ids{3});
  CHECK(encoded(model, "ac") == ids{1, 4});
}

TEST_CASE("unigram: symbols win, unused pieces never, unknown characters cost 10 more than the worst piece") {
  auto model = make_model();
  for (const std::string_view piece : {"a", "b"}) model.pieces.add(piece, -1, piece_kind::normal);
  model.pieces.add("ab", -100, piece_kind::user_defined);
  model.pieces.add("aab", 0, piece_kind::unused);
  model.pieces.add("ax", -12.25, piece_kind::normal);
  CHECK(encoded(model, "aab") == ids{1, 3});
  // Against "ax" at -12.25: "a" and an unknown at -1 - 22.25.
  CHECK(encoded(model, "ax") == ids{5});
  CHECK(encoded(model, "x") == ids{0});
}

TEST_CASE("unigram: unknown characters in a row are one unknown piece, or the pieces of their bytes") {
  auto model = make_model();
  model.pieces.add("a", -1, piece_kind::normal);
  CHECK(encoded(model, "xyzaé的a") == ids{0, 1, 0, 1});
  model.byte_fallback = true;
  for (token_id byte = 0; byte < 256; ++byte) model.byte_ids[byte] = 1000 + byte;
  CHECK(encoded(model, "axé") == ids{1, 1000 + 'x', 1000 + 0xC3, 1000 + 0xA9});
}

TEST_CASE("unigram: any bytes are encoded, by what their lead bytes announce") {
  auto model = make_model();
  model.pieces.add("a", -1, piece_kind::normal);
  model.pieces.add("\xE2", -1, piece_kind::normal);
  CHECK(encoded(model,
                "\xE2"
                "aa") == ids{0});
  CHECK(encoded(model,
                "\xE2"
                "aaa") == ids{0, 1});
  CHECK(encoded(model, "a\xE2") == ids{1, 2});
  CHECK(encoded(model, "\xFF") == ids{0});
  CHECK(encoded(model, {"\0a", 2}) == ids{0, 1});
}

TEST_CASE("unigram: a text without a place to cut takes memory once") {
  const auto model = goldens::model("identity_keep");
  const unigram encoder{model};
  encode_workspace workspace;
  const std::string text(100000, 'a');
  const ids first = encoded(encoder, text, workspace);
  CHECK_FALSE(first.empty());
  const auto* memory = workspace.lattice.data();
  CHECK(encoded(encoder, text, workspace) == first);
  CHECK(encoded(encoder, "a", workspace) == encoded(model, "a"));
  CHECK(workspace.lattice.data() == memory);
}

TEST_CASE("unigram: an exception of the receiver leaves a workspace that can be used again") {
  const auto model = goldens::model("identity");
  const unigram encoder{model};
  encode_workspace workspace;
  const ids expected = encoded(encoder, "▁the▁water▁after", workspace);
  CHECK_THROWS_AS(encoder.encode(
                      "▁the▁water", [](token_id) { throw 1; }, workspace),
                  int);
  CHECK(encoded(encoder, "▁the▁water▁after", workspace) == expected);
}

}  // namespace unigram_test
