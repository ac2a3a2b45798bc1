#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/pipelines.hpp"
#include "support/temp_dir.hpp"
#include <tulu/tokenizer/byte_level_pipeline.hpp>

namespace byte_level_pipeline_test {

using tulu::byte_level_parts;
using tulu::piece_kind;
using tulu::split_pattern;
using tulu::token_id;
using tulu::detail::byte_level_pipeline;
using tulu::detail::write_bytes;
using tulu::test::decode;
using tulu::test::encode;

/// Byte-level BPE as it is defined: by the texts of pieces.
struct model {
  byte_level_parts parts;
  std::map<std::string, token_id> ids;  ///< by bytes
  std::map<std::pair<std::string, std::string>, std::size_t> ranks;

  token_id add(const std::string& bytes) {
    const auto [place, made] = ids.try_emplace(bytes, static_cast<token_id>(parts.pieces.size()));
    if (made) parts.pieces.add(write_bytes(bytes), 0, piece_kind::normal);
    return place->second;
  }
  void add_merge(const std::string& left, const std::string& right) {
    if (!ranks.try_emplace({left, right}, parts.merges.size()).second) return;
    parts.merges.push_back({add(left), add(right), add(left + right)});
  }

  [[nodiscard]] std::vector<token_id> encode_word(const std::string& word) const {
    if (parts.ignore_merges && ids.count(word) != 0) return {ids.at(word)};
    std::vector<std::string> symbols;
    for (const char byte : word)
      if (ids.count({byte}) != 0) symbols.push_back({byte});
    for (;;) {
      std::optional<std::size_t> best;
      std::size_t rank = parts.merges.size();
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        const auto found = ranks.find({symbols[i], symbols[i + 1]});
        if (found == ranks.end() || found->second >= rank) continue;
        rank = found->second;
        best = i;
      }
      if (!best) break;
      symbols[*best] += symbols[*best + 1];
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(*best) + 1);
    }
    std::vector<token_id> out;
    for (const std::string& symbol : symbols) out.push_back(ids.at(symbol));
    return out;
  }
};

const std::vector<std::string> characters{"a", "b", " ", "é", "日", "本", "語", "🙂", "🙃"};

std::string random_text(std::mt19937& random, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += characters[random() % characters.size()];
  return text;
}

model random_model(std::mt19937& random) {
  model made;
  made.parts.pattern = split_pattern::none;
  made.parts.ignore_merges = random() % 2 == 0;
  std::vector<std::string> texts;
  for (const std::string& character : characters)
    for (const char byte : character) texts.push_back({byte});
  for (const std::string& text : texts) {
    if (random() % 60 != 0) made.add(text);  // else dropped
  }
  for (std::size_t i = random() % 60; i > 0; --i) {
    const std::string text = random_text(random, 5);
    const std::size_t at = random() % (text.size() - 1);
    std::string left = texts[random() % texts.size()], right = texts[random() % texts.size()];
    if (random() % 4 != 0) {  // what stands in texts
      left = text.substr(at, 1);
      right = text.substr(at + 1, 1 + random() % 3);
      for (const std::string* side : {&left, &right})
        for (std::size_t j = 1; j < side->size(); ++j) {
          made.add_merge(side->substr(0, j), side->substr(j, 1));
          texts.push_back(side->substr(0, j + 1));
        }
    }
    if (left.size() + right.size() > 24) continue;
    made.add_merge(left, right);
    texts.push_back(left + right);
  }
  for (int i = 0; i < 5; ++i) made.add(random_text(random, 2));  // pieces that no merge makes
  return made;
}

byte_level_parts small_parts() {
  byte_level_parts parts;
  parts.name = "f";
  for (int byte = 0; byte < 256; ++byte)
    parts.pieces.add(write_bytes(std::string(1, static_cast<char>(byte))), 0, piece_kind::normal);
  return parts;
}
token_id add_token(byte_level_parts& parts, std::string_view text, bool special) {
  const auto id = static_cast<token_id>(parts.pieces.size());
  parts.pieces.add(text, 0, special ? piece_kind::control : piece_kind::user_defined);
  parts.not_in_model.push_back(id);
  parts.added_tokens.push_back({.content = std::string{text}, .id = id, .special = special, .normalized = false});
  return id;
}

TEST_CASE("byte-level BPE is what its definition says, for words of any length") {
  std::mt19937 random{7};
  std::size_t ids = 0, symbols = 0;
  for (int round = 0; round < 300; ++round) {
    const model made = random_model(random);
    const byte_level_pipeline pipeline{made.parts};
    tulu::encode_workspace workspace;
    for (int i = 0; i < 12; ++i) {
      const std::string word = random_text(random, 1 + random() % (i == 11 ? 150 : 14));
      const auto expected = made.encode_word(word);
      CHECK(encode(pipeline, word, workspace) == expected);
      CHECK(encode(pipeline, word, workspace) == expected);
      ids += expected.size();
      symbols += word.size();
    }
  }
  CHECK(ids < symbols * 4 / 5);  // merges happen
}

TEST_CASE("long words of which the end decides on the start") {
  model made;
  made.parts.pattern = split_pattern::none;
  made.add_merge("a", "b");
  made.add_merge("b", "a");
  made.add_merge("a", "a");
  made.add_merge("aa", "aa");
  const byte_level_pipeline pipeline{made.parts};
  for (const std::size_t length : {63U, 64U, 65U, 1000U, 3001U}) {
    std::string word(length, 'a');
    CHECK(encode(pipeline, word) == made.encode_word(word));
    word += 'b';
    CHECK(encode(pipeline, word) == made.encode_word(word));
  }
}

TEST_CASE("added tokens come first; special ones are nothing in the middle of a text") {
  byte_level_parts parts = small_parts();
  const token_id special = add_token(parts, "<s>", true);
  const token_id user = add_token(parts, " ж", false);
  const byte_level_pipeline pipeline{parts};
  CHECK(encode(pipeline, "a<s> жb") == std::vector<token_id>{'a', special, user, 'b'});
  CHECK(decode(pipeline, {'a', special, user, 'b'}) == "a<s> жb");
  std::string text;
  for (const token_id id : {token_id{'a'}, special, user, token_id{0xD0}}) pipeline.decode_piece(id, text);
  CHECK(text == "a ж\xD0");
}

TEST_CASE("a blank before each part that has none, unless the text goes on") {
  byte_level_parts parts = small_parts();
  parts.add_prefix_space = true;
  const token_id special = add_token(parts, "<s>", true);
  const byte_level_pipeline pipeline{parts};
  CHECK(encode(pipeline, "a<s>b<s> c") == std::vector<token_id>{' ', 'a', special, ' ', 'b', special, ' ', 'c'});
  CHECK(encode(pipeline, "a<s>b", false) == std::vector<token_id>{'a', special, ' ', 'b'});
  CHECK(encode(pipeline, "<s>b", false) == std::vector<token_id>{special, ' ', 'b'});
  CHECK(encode(pipeline, "") == std::vector<token_id>{});
}

TEST_CASE("bytes that are not UTF-8 are read as U+FFFD, one by one") {
  const byte_level_pipeline pipeline{small_parts()};
  CHECK(decode(pipeline, encode(pipeline, "a\xFF\xE2\x96z")) == "a\uFFFD\uFFFD\uFFFDz");
  std::string every;
  for (const char32_t code : {0x0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFDU, 0xFFFFU, 0x10000U, 0x10FFFFU})
    tulu::append_utf8(every, code);
  CHECK(decode(pipeline, encode(pipeline, every)) == every);
}

TEST_CASE("an id without a piece is an error") {
  byte_level_parts parts = small_parts();
  parts.pieces.add("", 0, piece_kind::unused);
  parts.pieces.add("[PAD]", 0, piece_kind::unused);
  const byte_level_pipeline pipeline{parts};
  CHECK(decode(pipeline, {257}) == "[PAD]");
  CHECK(tulu::test::message_of([&] { (void)decode(pipeline, {256}); }) ==
        "f: id 256: expected an id of the vocabulary, found one that no piece has");
}

}  // namespace byte_level_pipeline_test
