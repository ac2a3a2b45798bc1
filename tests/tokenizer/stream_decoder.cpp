#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_builder.hpp"
#include "support/proto_tokenizer.hpp"
#include "support/temp_dir.hpp"
#include <tulu/tokenizer/stream_decoder.hpp>

namespace stream_decoder_test {

using tulu::token_id;

const std::string blank{tulu::space_symbol};

tulu::tokenizer small_tokenizer() {
  return tulu::test::tokenizer_of(
      tulu::test::llama_proto({blank, "a", "b", blank + "a", "\xC3\xA9", "\xE4\xB8\xAD\xE6\x96\x87"}));
}

TEST_CASE("stream_decoder: what it hands out is whole UTF-8, and together the decoded text") {
  const tulu::tokenizer tokens = small_tokenizer();
  std::mt19937 random{20245};
  for (int round = 0; round < 500; ++round) {
    std::vector<token_id> ids(random() % 30);
    for (token_id& id : ids)
      id = static_cast<token_id>(random() % 2 == 0 ? random() % tokens.size() : 3 + 0x80 + random() % 128);
    tulu::stream_decoder decoder{tokens, true};
    std::string text;
    for (const token_id id : ids) {
      const std::string part = decoder.push(id);
      CHECK(tulu::replace_invalid_utf8(part) == part);
      text += part;
    }
    const std::string rest = decoder.finish();
    CHECK(tulu::replace_invalid_utf8(rest) == rest);
    CHECK(text + rest == tulu::replace_invalid_utf8(tokens.decode(ids)));
  }
}

TEST_CASE("stream_decoder: a character waits for its last byte and no longer") {
  tulu::stream_decoder decoder{small_tokenizer()};
  CHECK(decoder.push(3 + 0xF0).empty());
  CHECK(decoder.push(3 + 0x9F).empty());
  CHECK(decoder.push(3 + 0xA6).empty());
  CHECK(decoder.push(3 + 0x99) == "\xF0\x9F\xA6\x99");
  CHECK(decoder.push(3 + 0xE4).empty());
  CHECK(decoder.push(260) ==
        "\xEF\xBF\xBD"
        "a");
  CHECK(decoder.push(3 + 0xE4).empty());
  CHECK(decoder.finish() == "\xEF\xBF\xBD");
  CHECK(decoder.finish().empty());
}

TEST_CASE("stream_decoder: the first blank goes only at the start of a text") {
  const tulu::tokenizer tokens = small_tokenizer();
  tulu::stream_decoder at_start{tokens, true}, later{tokens};
  CHECK(at_start.push(262) == "a");
  CHECK(at_start.push(262) == " a");
  CHECK(later.push(262) == " a");
}

TEST_CASE("stream_decoder: an id out of range is an error that names it") {
  tulu::stream_decoder decoder{small_tokenizer()};
  CHECK(tulu::test::message_of([&] { static_cast<void>(decoder.push(4711)); }) ==
        "model: id 4711: expected an id below 265, found one out of range");
}

}  // namespace stream_decoder_test
