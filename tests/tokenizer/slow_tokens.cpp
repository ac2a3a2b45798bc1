#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/tokenizer/slow_tokens.hpp>

namespace slow_tokens_test {

using tulu::added_token;
using tulu::piece_kind;
using tulu::tokenizer_mode;
using tulu::detail::make_slow_tokens;
using tulu::detail::slow_tokens;
using tulu::test::message_of;
using role = slow_tokens::role;

tulu::vocabulary five_pieces() {
  tulu::vocabulary pieces;
  pieces.add("<unk>", 0, piece_kind::unknown);
  pieces.add("<s>", 0, piece_kind::control);
  pieces.add("</s>", 0, piece_kind::control);
  pieces.add("a", -1, piece_kind::normal);
  pieces.add("b", -2, piece_kind::normal);
  return pieces;
}

tulu::tokenizer_config config_of(tokenizer_mode mode, std::vector<added_token> added) {
  tulu::tokenizer_config config = tulu::default_tokenizer_config(mode);
  config.added_tokens = std::move(added);
  config.added_tokens_file = "F";
  return config;
}

const added_token* find(const slow_tokens& tokens, std::string_view content) {
  for (const added_token& token : tokens.tokens)
    if (token.content == content) return &token;
  return nullptr;
}

TEST_CASE("4.30 adds special tokens that no file gives an id after the others") {
  auto config = config_of(tokenizer_mode::hf_legacy, {{.content = "<x>", .id = 5}});
  config.special_tokens.push_back({"pad_token", {.content = "<pad>", .lstrip = true}});
  const slow_tokens tokens = make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf_legacy);
  REQUIRE(tokens.pieces.size() == 7);
  CHECK(tokens.pieces.text(5) == "<x>");
  CHECK(tokens.pieces.text(6) == "<pad>");
  CHECK(tokens.pieces.kind(6) == piece_kind::control);
  CHECK(tokens.roles == std::vector<role>{role::special, role::special, role::special, role::text, role::text,
                                          role::separate, role::separate});
  REQUIRE(find(tokens, "<x>") != nullptr);
  CHECK(find(tokens, "<x>")->plain_string);
  REQUIRE(find(tokens, "<pad>") != nullptr);
  CHECK_FALSE(find(tokens, "<pad>")->plain_string);
  CHECK(find(tokens, "<pad>")->lstrip);
}

TEST_CASE("4.30 refuses an added token whose id is not the next one, and names it") {
  const auto message = [](std::vector<added_token> added) {
    const auto config = config_of(tokenizer_mode::hf_legacy, std::move(added));
    return message_of(
        [&] { static_cast<void>(make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf_legacy)); });
  };
  CHECK(message({{.content = "<x>", .id = 6}}) == "F: <x>: expected id 5, the next one, found id 6");
  CHECK(message({{.content = "<s>", .id = 1}}) == "F: <s>: expected id 5, the next one, found id 1");
  CHECK(message({{.content = "y", .id = 6}, {.content = "x", .id = 5}}).empty());
  CHECK(message({{.content = "y", .id = 5}, {.content = "x", .id = 5}}) ==
        "F: x: expected id 6, the next one, found id 5");
}

TEST_CASE("4.30 does not add a token that is a piece, nor any when there is no unknown token") {
  auto config = config_of(tokenizer_mode::hf_legacy, {{.content = "a", .id = 5}});
  CHECK(make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf_legacy).pieces.size() == 5);
  CHECK(find(make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf_legacy), "a") == nullptr);
  config = config_of(tokenizer_mode::hf_legacy, {{.content = "x", .id = 5}});
  std::erase_if(config.special_tokens, [](const tulu::named_token& special) { return special.key == "unk_token"; });
  CHECK(make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf_legacy).pieces.size() == 5);
}

TEST_CASE("4.40 takes ids as the files give them") {
  const auto config = config_of(tokenizer_mode::hf, {{.content = "<x>", .id = 7}, {.content = "new", .id = 3}});
  const slow_tokens tokens = make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf);
  REQUIRE(tokens.pieces.size() == 8);
  CHECK(tokens.pieces.text(3) == "new");
  CHECK(tokens.pieces.text(6).empty());
  CHECK(tokens.roles == std::vector<role>{role::special, role::special, role::special, role::separate, role::text,
                                          role::nothing, role::nothing, role::separate});
}

TEST_CASE("4.40: a piece that is an added token under another id changes its id") {
  const auto config = config_of(tokenizer_mode::hf, {{.content = "b", .id = 5}});
  const slow_tokens tokens = make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf);
  CHECK(tokens.renamed == std::map<tulu::token_id, tulu::token_id>{{4, 5}});
}

TEST_CASE("an id far from all others is refused before memory is taken for it") {
  const auto config = config_of(tokenizer_mode::hf, {{.content = "<x>", .id = 4'000'000'000}});
  CHECK(message_of([&] { static_cast<void>(make_slow_tokens(config, five_pieces(), 0, tokenizer_mode::hf)); }) ==
        "F: <x>: expected an id near those of the 5 pieces, found id 4000000000");
}

}  // namespace slow_tokens_test
