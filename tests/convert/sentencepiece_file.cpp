#include <string>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/convert/sentencepiece_file.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>

using tulu::piece_kind;

TEST_CASE("format_sentencepiece: what load_sentencepiece_model reads from it is the vocabulary") {
  tulu::vocabulary pieces;
  pieces.add("<unk>", 0, piece_kind::control);
  pieces.add("<s>", 0, piece_kind::control);
  pieces.add("</s>", 0, piece_kind::control);
  constexpr char digits[] = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte)
    pieces.add(std::string{"<0x"} + digits[byte / 16] + digits[byte % 16] + ">", -1, piece_kind::byte);
  pieces.add(
      "\xE2\x96\x81"
      "a",
      -2.5F, piece_kind::normal);
  pieces.add("two words", -1000, piece_kind::user_defined);
  pieces.add("[PAD5]", -10000, piece_kind::unused);
  const tulu::convert::sentencepiece_content content{
      .pieces = pieces, .unk = 0, .bos = 1, .eos = 2, .add_dummy_prefix = false, .remove_extra_whitespaces = true};
  const tulu::test::temp_dir dir;
  tulu::test::write_file(dir.path() / "tokenizer.model", tulu::convert::format_sentencepiece(content));
  const auto model = tulu::load_sentencepiece_model(dir.path() / "tokenizer.model");
  REQUIRE(model.pieces.size() == pieces.size());
  for (tulu::token_id id = 1; id < pieces.size(); ++id) {
    CAPTURE(id);
    CHECK(model.pieces.text(id) == (id == 260 ? "two\xE2\x96\x81words" : pieces.text(id)));
    CHECK(model.pieces.score(id) == pieces.score(id));
    CHECK(model.pieces.kind(id) == pieces.kind(id));
  }
  CHECK(model.pieces.kind(0) == piece_kind::unknown);
  CHECK(model.type == tulu::sentencepiece_model::algorithm::bpe);
  CHECK(model.byte_fallback);
  CHECK(model.unk_id == 0);
  CHECK(model.bos_id == 1U);
  CHECK(model.eos_id == 2U);
  CHECK_FALSE(model.pad_id.has_value());
  CHECK_FALSE(model.normalization.add_dummy_prefix);
  CHECK(model.normalization.remove_extra_whitespaces);
  CHECK(model.normalization.precompiled_charsmap.empty());
}
