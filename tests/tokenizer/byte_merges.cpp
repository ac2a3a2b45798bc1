#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/byte_merges.hpp>

namespace byte_merges_test {

using tulu::detail::bpe_symbol;
using tulu::detail::byte_merges;

tulu::vocabulary pieces_of(const std::vector<std::string_view>& texts) {
  tulu::vocabulary pieces;
  for (const std::string_view text : texts) pieces.add(text, 0, tulu::piece_kind::normal);
  return pieces;
}

TEST_CASE("byte_merges: bytes are the first symbols, pairs merge by rank") {
  tulu::vocabulary pieces = pieces_of({"a", "Ġ", "Ã", "©", "Ġa", "Ã©", "a b"});
  pieces.add("b", 0, tulu::piece_kind::unused);
  const std::vector<tulu::detail::merge_table::rule> rules{{2, 3, 5}, {1, 0, 4}};
  const byte_merges merges{pieces, rules, false};
  std::vector<bpe_symbol> symbols;
  merges.split("a é", symbols);
  REQUIRE(symbols.size() == 4);
  CHECK(symbols[1].id == 1);
  CHECK(symbols[3].id == 3);
  CHECK(symbols[3].begin == 3);
  CHECK(symbols[3].end == 4);
  CHECK(merges.find("", symbols[2], symbols[3]).id == 5);
  CHECK(merges.find("", symbols[2], symbols[3]).priority == 0);
  CHECK(merges.find("", symbols[0], symbols[1]).priority == tulu::detail::bpe_merge::never);
  CHECK(merges.piece_of_byte('b') == tulu::detail::text_index::none);
  CHECK(merges.piece_of_byte(' ') == 1);
  CHECK_FALSE(byte_merges::piece_of("", {0, 1, tulu::detail::text_index::none}));
  CHECK(byte_merges::piece_of("", symbols[0]) == 0);
  CHECK_FALSE(merges.piece_of_word(" a"));
  CHECK(merges.first_part("éa a") == 2);
}

TEST_CASE("byte_merges: with ignore_merges, words are pieces as a whole") {
  const byte_merges merges{pieces_of({"a", "Ġa", "b c", "Ã©"}), {}, true};
  CHECK(merges.piece_of_word(" a") == 1);
  CHECK(merges.piece_of_word("é") == 3);
  CHECK_FALSE(merges.piece_of_word("b c"));
  CHECK_FALSE(merges.piece_of_word("Ġa"));
}

}  // namespace byte_merges_test
