#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/unigram_goldens.hpp"
#include <tulu/tokenizer/sentencepiece_normalizer.hpp>

using tulu::sentencepiece_model;
using tulu::detail::sentencepiece_normalizer;

namespace sentencepiece_normalizer_test {

using goldens = tulu::test::unigram_goldens;

std::string normalized(const sentencepiece_normalizer& normalizer, std::string_view text, bool dummy_prefix) {
  std::string out = "left from before";
  normalizer.normalize(text, dummy_prefix, out);
  return out;
}

sentencepiece_model::normalizer settings(bool remove_spaces, bool escape = true) {
  return {"", true, remove_spaces, escape};
}

TEST_CASE("sentencepiece_normalizer: equals SentencePiece") {
  const auto texts = goldens::texts();
  for (const std::string name :
       {"nmt_nfkc", "identity_suffix_keep", "rules", "rules_keep_user", "rules_no_prefix_user", "rules_no_escape"}) {
    const sentencepiece_model model = goldens::model(name);
    const sentencepiece_normalizer normalizer{model};
    const auto expected = goldens::normalized(name);
    REQUIRE(expected.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(name);
      CAPTURE(texts[i]);
      CHECK(normalized(normalizer, texts[i], model.normalization.add_dummy_prefix) == expected[i]);
    }
  }
}

TEST_CASE("sentencepiece_normalizer: blanks are escaped and kept, or the extra ones removed") {
  const sentencepiece_normalizer keep{settings(false), "m"};
  CHECK(normalized(keep, " a  b ", false) == "▁a▁▁b▁");
  CHECK(normalized(keep, " a", true) == "▁▁a");
  CHECK(normalized(keep, " ", true) == "▁▁");
  const sentencepiece_normalizer remove{settings(true), "m"};
  CHECK(normalized(remove, "  a  b  ", false) == "a▁b");
  CHECK(normalized(remove, "  a  b  ", true) == "▁a▁b");
  CHECK(normalized(remove, "   ", true) == "");
  CHECK(normalized(remove, "a▁▁", false) == "a");
  CHECK(normalized(sentencepiece_normalizer{settings(true, false), "m"}, "  a  b▁ ", true) == " a b▁");
}

TEST_CASE("sentencepiece_normalizer: a dummy blank before a text or after it, none for an empty one") {
  const sentencepiece_normalizer prefix{settings(false), "m"};
  CHECK(normalized(prefix, "a", true) == "▁a");
  CHECK(normalized(prefix, "", true) == "");
  const sentencepiece_normalizer suffix{settings(false), "m", true};
  CHECK(normalized(suffix, "a", true) == "a▁");
  CHECK(normalized(suffix, "a", false) == "a");
  CHECK(normalized(suffix, "", true) == "");
}

TEST_CASE("sentencepiece_normalizer: each byte that is no UTF-8 becomes U+FFFD, NUL stays") {
  const sentencepiece_normalizer normalizer{settings(false), "m"};
  CHECK(normalized(normalizer, "a\xE2\x96 \xFFz", false) == "a\xEF\xBF\xBD\xEF\xBF\xBD▁\xEF\xBF\xBDz");
  CHECK(normalized(normalizer, {"\0a\0", 3}, false) == std::string_view{"\0a\0", 3});
}

TEST_CASE("sentencepiece_normalizer: symbols are left alone, but for blanks") {
  auto keep = settings(true);
  const sentencepiece_normalizer normalizer{
      keep, "m", false, tulu::detail::prefix_matcher{std::vector<std::string_view>{"a b", " x ", "\xFF"}}};
  CHECK(normalized(normalizer, "\xFF", false) == "\xFF");
  CHECK(normalized(normalizer, "a b", false) == "a▁b");
  CHECK(normalized(normalizer, "z x  y", false) == "z▁x▁y");
}

TEST_CASE("sentencepiece_normalizer: is_identity tells whether it only spells") {
  CHECK(sentencepiece_normalizer{settings(false), "m"}.is_identity());
  CHECK_FALSE(sentencepiece_normalizer{settings(true), "m"}.is_identity());
  CHECK_FALSE(sentencepiece_normalizer{settings(false), "m", true}.is_identity());
  CHECK(sentencepiece_normalizer{goldens::model("identity_keep")}.is_identity());
  CHECK_FALSE(sentencepiece_normalizer{goldens::model("identity_keep_user")}.is_identity());
  CHECK_FALSE(sentencepiece_normalizer{goldens::model("nfkc_cf")}.is_identity());
}

}  // namespace sentencepiece_normalizer_test
