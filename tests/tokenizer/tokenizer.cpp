#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_builder.hpp"
#include "support/proto_tokenizer.hpp"
#include "support/temp_dir.hpp"
#include <tulu/tokenizer/tokenizer.hpp>

namespace tokenizer_test {

using tulu::token_id;

const std::string blank{tulu::space_symbol};

tulu::tokenizer small_tokenizer(tulu::test::proto_settings settings = {}) {
  return tulu::test::tokenizer_of(tulu::test::llama_proto({blank, "a", "b", blank + "a"}, std::move(settings)));
}

TEST_CASE("tokenizer: BOS and EOS where asked, an error where there is none") {
  const auto tokens = small_tokenizer();
  CHECK(tokens.encode("a") == std::vector<token_id>{262});
  CHECK(tokens.encode("a", {.bos = true, .eos = true}) == std::vector<token_id>{1, 262, 2});
  CHECK(tokens.encode("", {.bos = true}) == std::vector<token_id>{1});
  CHECK(tokens.encode("a", {.at_start = false}) == std::vector<token_id>{260});
  tulu::test::proto_settings settings;
  settings.bos_piece = "<none>";
  const auto without = small_tokenizer(settings);
  CHECK(tulu::test::message_of([&] { static_cast<void>(without.encode("a", {.bos = true})); }) ==
        "model: expected a BOS token, found none");
}

TEST_CASE("tokenizer: a buffer that is too small gets what fits, and the count of all") {
  const auto tokens = small_tokenizer();
  const std::string text = "a bbab \xE4\xB8\xAD" + std::string(300, 'b');
  tulu::encode_workspace workspace;
  const auto all = tokens.encode(text, workspace, {.bos = true, .eos = true});
  CHECK(tokens.decode(all) == text);
  for (std::size_t room = 0; room <= all.size() + 1; room += 1 + room / 3) {
    std::vector<token_id> ids(room, 77);
    CHECK(tokens.encode(text, ids, workspace, {.bos = true, .eos = true}) == all.size());
    for (std::size_t i = 0; i < room && i < all.size(); ++i) CHECK(ids[i] == all[i]);
  }
}

TEST_CASE("tokenizer: a batch over threads gives each text's own ids") {
  const auto tokens = small_tokenizer();
  std::mt19937 random{20246};
  std::vector<std::string> texts(200);
  for (std::string& text : texts)
    for (std::size_t length = random() % 50; length > 0; --length) text += "ab "[random() % 3];
  const std::vector<std::string_view> views{texts.begin(), texts.end()};
  for (const std::size_t threads : {std::size_t{1}, std::size_t{3}}) {
    tulu::executor workers{threads};
    const auto batch = tokens.encode_batch(views, workers);
    REQUIRE(batch.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) CHECK(batch[i] == tokens.encode(texts[i]));
  }
}

TEST_CASE("tokenizer: an id out of range is an error that names it") {
  const auto tokens = small_tokenizer();
  CHECK(tulu::test::message_of([&] {
          static_cast<void>(tokens.decode(std::vector<token_id>{1, 263}));
        }) == "model: id 263: expected an id below 263, found one out of range");
}

}  // namespace tokenizer_test
