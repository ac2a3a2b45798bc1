#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/json_decoder.hpp>

namespace json_decoder_test {

namespace json_step = tulu::json_step;
using steps = std::vector<json_step::decoder>;
using tulu::token_id;

/// The text of some pieces, decoded by `decoders`.
std::string decode(const std::vector<std::string_view>& pieces, std::optional<steps> decoders) {
  tulu::tokenizer_json source;
  std::vector<token_id> ids;
  for (const std::string_view piece : pieces) {
    ids.push_back(static_cast<token_id>(ids.size()));
    source.pieces.add(piece, 0, tulu::piece_kind::normal);
  }
  source.decoders = std::move(decoders);
  std::string out = "|";
  tulu::detail::json_decoder{source}.decode(ids, out);
  return out;
}

const json_step::byte_fallback bytes;
const json_step::fuse fuse;

TEST_CASE("without decoders, pieces are joined with blanks") {
  CHECK(decode({"a", "▁b", "<0x41>"}, std::nullopt) == "|a ▁b <0x41>");
  CHECK(decode({}, std::nullopt) == "|");
  CHECK(decode({"a", "b"}, steps{}) == "|ab");
}

TEST_CASE("pieces of bytes become bytes, as they read them in Rust") {
  CHECK(decode({"<0x41>", "<0x4b>", "<0x+9>", "<0xG0>", "<0x-1>", "<0x041>", "a<0x41>"}, steps{bytes}) ==
        "|AK\t<0xG0><0x-1><0x041>a<0x41>");
  CHECK(decode({"<0xFF>", "a"}, steps{bytes, fuse}) ==
        "|\xFF"
        "a");
}

TEST_CASE("what is stripped from each piece depends on which bytes stand together") {
  const json_step::strip strip{"é", 1, 0};
  CHECK(decode({"<0xC3>", "<0xA9>", "<0xC3>", "<0xA9>"}, steps{bytes, strip}) == "|é");
  CHECK(decode({"<0xC3>", "<0xA9>", "é", "éé"}, steps{bytes, strip}) == "|é");
  // One byte too many: none of them is UTF-8 then.
  CHECK(decode({"<0xC3>", "<0xA9>", "<0xC3>"}, steps{bytes, strip}) == "|é\xC3");
}

TEST_CASE("stripping stops at other characters, at the count and at the end of the text") {
  const auto strip = [](std::string_view text, std::size_t start, std::size_t stop) {
    return decode({text}, steps{fuse, json_step::strip{"-", start, stop}});
  };
  CHECK(strip("--a--", 1, 0) == "|-a--");
  CHECK(strip("--a--", 9, 9) == "|a");
  CHECK(strip("--a--", 0, 1) == "|--a-");
  CHECK(strip("---", 2, 2) == "|");
  CHECK(strip("---", 9, 9) == "|");
  CHECK(strip("---", 1, 1) == "|-");
  CHECK(strip("", 1, 1) == "|");
  // What stood in the output before stays.
  CHECK(decode({"|", "-"}, steps{json_step::strip{"|", 1, 0}}) == "|-");
}

TEST_CASE("Metaspace drops what begins the first piece") {
  const json_step::metaspace always{"▁"};
  CHECK(decode({"▁▁a▁", "▁b"}, steps{always}) == "|a b");
  CHECK(decode({"▁a", "▁b"}, steps{fuse, always}) == "|ab");
  CHECK(decode({"▁a", "▁b"}, steps{json_step::metaspace{"▁", json_step::prepend_scheme::never}}) == "| a b");
}

TEST_CASE("replacements before and after the pieces are joined") {
  const json_step::replace rule{"ab", "x"};
  CHECK(decode({"a", "bab"}, steps{rule}) == "|abx");
  CHECK(decode({"a", "bab"}, steps{fuse, rule}) == "|xx");
}

}  // namespace json_decoder_test
