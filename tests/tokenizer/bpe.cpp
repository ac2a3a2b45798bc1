#include <array>
#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <support/reference_bpe.hpp>

#include <tulu/tokenizer/bpe.hpp>
#include <tulu/tokenizer/rank_merges.hpp>
#include <tulu/tokenizer/text_merges.hpp>

namespace bpe_test {

using tulu::token_id;
using tulu::vocabulary;
using tulu::detail::bpe;
using tulu::detail::bpe_options;
using tulu::detail::rank_merges;
using tulu::detail::text_merges;

/// A model made at random: pieces that grow from pieces, as training makes them, some with the same score, some with
/// scores against the order of growth.
struct model {
  vocabulary pieces;
  bpe_options options;
  std::map<std::string, double> order;                               ///< of a joined text: minus its score
  std::map<std::pair<std::string, std::string>, double> pair_order;  ///< of a pair: its rank
  std::vector<rank_merges::rule> rules;
  std::map<std::string, token_id> ids;

  void add(const std::string& text, float score, tulu::piece_kind kind = tulu::piece_kind::normal) {
    ids[text] = static_cast<token_id>(pieces.size());
    pieces.add(text, score, kind);
    if (kind == tulu::piece_kind::normal) order[text] = -double{score};
  }
};

model random_model(std::mt19937& random, const std::vector<std::string>& alphabet, bool bytes) {
  model out;
  out.options.byte_fallback = bytes;
  out.options.unk_id = 0;
  out.add("<unk>", 0, tulu::piece_kind::unknown);
  if (bytes) {
    for (int byte = 0; byte < 256; ++byte) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      out.options.byte_ids[static_cast<std::size_t>(byte)] = static_cast<token_id>(out.pieces.size());
      out.add({'<', '0', 'x', digits[static_cast<std::size_t>(byte / 16)], digits[static_cast<std::size_t>(byte % 16)],
               '>'},
              0, tulu::piece_kind::byte);
    }
  }
  std::vector<std::string> texts;
  for (const std::string& character : alphabet) {
    texts.push_back(character);
    if (random() % 8 != 0) out.add(character, -1000);  // else unknown by itself, though pieces may contain it
  }
  const std::size_t merges = 1 + random() % 40;
  for (std::size_t i = 0; i < merges; ++i) {
    const std::string left = texts[random() % texts.size()], right = texts[random() % texts.size()];
    if (left.size() + right.size() > 30 || out.ids.count(left + right) != 0) continue;
    const float score = random() % 4 == 0 ? -static_cast<float>(random() % 40) : -static_cast<float>(i);
    out.add(left + right, score);
    texts.push_back(left + right);
  }
  for (const std::string& left : texts)
    for (const std::string& right : texts)
      if (out.ids.count(left) != 0 && out.ids.count(right) != 0 && out.ids.count(left + right) != 0 &&
          random() % 6 != 0)
        out.rules.push_back({out.ids[left], out.ids[right], out.ids[left + right]});
  std::shuffle(out.rules.begin(), out.rules.end(), random);
  for (std::size_t rank = 0; rank < out.rules.size(); ++rank) {
    const auto& rule = out.rules[rank];
    out.pair_order[{std::string{out.pieces.text(rule.left)}, std::string{out.pieces.text(rule.right)}}] =
        static_cast<double>(rank);
  }
  return out;
}

/// The ids of symbols: unknown ones as their bytes, or in a row as one unknown piece.
std::vector<token_id> ids_of(const model& from, const std::vector<std::string>& symbols) {
  std::vector<token_id> ids;
  bool after_unknown = false;
  for (const std::string& symbol : symbols) {
    const auto known = from.ids.find(symbol);
    if (known != from.ids.end()) {
      ids.push_back(known->second);
    } else if (from.options.byte_fallback) {
      for (const char byte : symbol) ids.push_back(from.options.byte_ids[static_cast<unsigned char>(byte)]);
    } else if (!after_unknown) {
      ids.push_back(0);
    }
    after_unknown = known == from.ids.end() && !from.options.byte_fallback;
  }
  return ids;
}

template <class Merges>
std::vector<token_id> encoded(const bpe<Merges>& model, std::string_view text, bool space_first,
                              tulu::encode_workspace& workspace) {
  std::vector<token_id> ids(3 * text.size() + 3);
  tulu::token_sink sink{ids};
  model.encode(text, space_first, sink, workspace);
  ids.resize(sink.count());
  return ids;
}

/// What `text` is to SentencePiece: U+2581 for blanks, one at the front if asked.
std::string escaped(std::string_view text, bool space_first) {
  std::string out{space_first && !text.empty() ? tulu::space_symbol : ""};
  for (const char c : text) c == ' ' ? out += tulu::space_symbol : out += c;
  return tulu::replace_invalid_utf8(out);
}

/// `text` without the characters that have no piece, unless the model has bytes.
std::string known_part(const model& from, std::string_view text) {
  std::string out;
  for (std::size_t length = 0; !text.empty(); text.remove_prefix(length)) {
    length = tulu::read_utf8(text).length;
    const std::string character{text.substr(0, length)};
    if (from.options.byte_fallback || from.ids.count(character) != 0) out += character;
  }
  return out;
}

std::string random_text(std::mt19937& random, const std::vector<std::string>& alphabet, std::size_t characters) {
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    const std::string& next = alphabet[random() % alphabet.size()];
    const std::size_t times = random() % 8 == 0 ? 1 + random() % 40 : 1;
    for (std::size_t k = 0; k < times; ++k) text += next == tulu::space_symbol && random() % 8 != 0 ? " " : next;
  }
  return text;
}

const std::vector<std::vector<std::string>> alphabets{
    {"a"},
    {"a", "b"},
    {"\xE2\x96\x81"},
    {"a", "b", "\xE2\x96\x81"},
    {"a", "b", "c", "d", "\xE2\x96\x81", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"},
};

TEST_CASE("bpe: the ids of SentencePiece's algorithm, for random models and texts of every length") {
  std::mt19937 random{20231};
  for (int round = 0; round < 400; ++round) {
    const auto& alphabet = alphabets[random() % alphabets.size()];
    const model made = random_model(random, alphabet, round % 2 == 0);
    const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
    tulu::encode_workspace workspace;
    for (const std::size_t length : std::array<std::size_t, 7>{0, 1, 2, 3, 7, 30, 150}) {
      const std::string text = random_text(random, alphabet, length);
      for (const bool space_first : {false, true}) {
        const auto symbols = tulu::test::reference_bpe(
            escaped(text, space_first), [&](const std::string& left, const std::string& right) -> const double* {
              const auto found = made.order.find(left + right);
              return found == made.order.end() ? nullptr : &found->second;
            });
        CAPTURE(round);
        CAPTURE(text);
        CHECK(encoded(tested, text, space_first, workspace) == ids_of(made, symbols));
      }
    }
  }
}

TEST_CASE("bpe: the ids of Hugging Face's algorithm, for random models and texts of every length") {
  std::mt19937 random{20232};
  for (int round = 0; round < 400; ++round) {
    const auto& alphabet = alphabets[random() % alphabets.size()];
    model made = random_model(random, alphabet, round % 2 == 0);
    if (round % 4 == 3) made.options.unk_id.reset();  // unknown characters become nothing, before merging
    const bpe<rank_merges> tested{rank_merges{made.pieces, made.rules, made.options}, made.options};
    tulu::encode_workspace workspace;
    for (const std::size_t length : std::array<std::size_t, 7>{0, 1, 2, 3, 7, 30, 150}) {
      const std::string text = random_text(random, alphabet, length);
      const auto symbols =
          tulu::test::reference_bpe(made.options.unk_id ? escaped(text, false) : known_part(made, escaped(text, false)),
                                    [&](const std::string& left, const std::string& right) -> const double* {
                                      const auto found = made.pair_order.find({left, right});
                                      return found == made.pair_order.end() ? nullptr : &found->second;
                                    });
      CAPTURE(round);
      CAPTURE(text);
      CHECK(encoded(tested, text, false, workspace) == ids_of(made, symbols));
    }
  }
}

TEST_CASE("bpe: any bytes are accepted, and what is not UTF-8 is U+FFFD byte by byte") {
  std::mt19937 random{20233};
  const model made = random_model(random, alphabets.back(), true);
  const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
  tulu::encode_workspace workspace;
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::size_t i = random() % 80; i > 0; --i)
      text += random() % 2 == 0 ? "ab \xE2\x96\x81\xC3\xA9"[random() % 8] : static_cast<char>(random() % 256);
    CHECK(encoded(tested, text, true, workspace) == encoded(tested, tulu::replace_invalid_utf8(text), true, workspace));
  }
}

TEST_CASE("bpe: without escaped blanks, U+2581 and a blank are different characters") {
  model made;
  made.options = {.escape_spaces = false, .byte_fallback = false, .byte_ids = {}, .unk_id = 0, .fuse_unk = false};
  made.add("<unk>", 0, tulu::piece_kind::unknown);
  made.add("a", 0);
  made.add(" ", 0);
  made.add(" a", -1);
  const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
  tulu::encode_workspace workspace;
  CHECK(encoded(tested,
                "a a\xE2\x96\x81\xE2\x96\x81"
                "a",
                false, workspace) == std::vector<token_id>{1, 3, 0, 0, 1});
}

TEST_CASE("bpe: blanks before a word, in a model without a piece for one blank") {
  for (const bool bytes : {false, true}) {
    model made;
    made.options = {.escape_spaces = true, .byte_fallback = bytes, .byte_ids = {}, .unk_id = 0, .fuse_unk = true};
    for (token_id byte = 0; byte < 256; ++byte) made.options.byte_ids[byte] = 100 + byte;
    made.add("<unk>", 0, tulu::piece_kind::unknown);
    made.add("a", -9);
    made.add("aa", 0);
    made.add(
        "\xE2\x96\x81"
        "a",
        -1);
    made.add("\xE2\x96\x81\xE2\x96\x81", -2);
    const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
    tulu::encode_workspace workspace;
    CHECK(encoded(tested, "  aa", false, workspace) == std::vector<token_id>{4, 2});
    const std::vector<token_id> blank =
        bytes ? std::vector<token_id>{0xE2 + 100, 0x96 + 100, 0x81 + 100} : std::vector<token_id>{0};
    std::vector<token_id> expected{blank};
    expected.push_back(3);
    CHECK(encoded(tested, "  a", false, workspace) == expected);
  }
}

TEST_CASE("bpe: a workspace serves several models in turn") {
  std::mt19937 random{20234};
  tulu::encode_workspace workspace;
  for (int round = 0; round < 20; ++round) {
    const model made = random_model(random, alphabets[3], true);
    const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
    tulu::encode_workspace fresh;
    const std::string text = random_text(random, alphabets[3], 60);
    CHECK(encoded(tested, text, true, workspace) == encoded(tested, text, true, fresh));
  }
}

TEST_CASE("bpe: ids that do not fit are counted") {
  std::mt19937 random{20235};
  const model made = random_model(random, alphabets[1], true);
  const bpe<text_merges> tested{text_merges{made.pieces, made.options}, made.options};
  tulu::encode_workspace workspace;
  const std::string text = random_text(random, alphabets[1], 300) + std::string(5000, 'a');
  const auto all = encoded(tested, text, false, workspace);
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{7}, all.size() / 2, all.size()}) {
    std::vector<token_id> ids(room);
    tulu::token_sink sink{ids};
    tested.encode(text, false, sink, workspace);
    CHECK(sink.count() == all.size());
    CHECK(std::equal(ids.begin(), ids.end(), all.begin()));
  }
}

TEST_CASE("bpe: a word whose end decides on its start, however long") {
  // The pairs merge from the right: where the first one is depends on whether the length is odd.
  constexpr std::size_t longest = 5000;
  model made;
  made.options = {.escape_spaces = true, .byte_fallback = false, .byte_ids = {}, .unk_id = 0, .fuse_unk = true};
  made.add("<unk>", 0, tulu::piece_kind::unknown);
  std::vector<std::string> characters;
  for (std::size_t i = 0; i < longest; ++i) {
    characters.emplace_back();
    tulu::append_utf8(characters.back(), static_cast<char32_t>(0x4E00 + i));
    made.add(characters.back(), -1e6F);
  }
  for (std::size_t i = 0; i + 1 < longest; ++i) {
    made.add(characters[i] + characters[i + 1], static_cast<float>(i));
    made.rules.insert(made.rules.begin(), {made.ids[characters[i]], made.ids[characters[i + 1]],
                                           made.ids[characters[i] + characters[i + 1]]});
  }
  const bpe<text_merges> by_text{text_merges{made.pieces, made.options}, made.options};
  const bpe<rank_merges> by_rank{rank_merges{made.pieces, made.rules, made.options}, made.options};
  tulu::encode_workspace workspace;
  for (const std::size_t length : std::array<std::size_t, 5>{100, 101, 1001, longest - 1, longest}) {
    std::string text;
    std::vector<token_id> expected;
    for (std::size_t i = 0; i < length; ++i) text += characters[i];
    if (length % 2 == 1) expected.push_back(made.ids[characters[0]]);
    for (std::size_t i = length % 2; i < length; i += 2)
      expected.push_back(made.ids[characters[i] + characters[i + 1]]);
    CAPTURE(length);
    CHECK(encoded(by_text, text, false, workspace) == expected);
    CHECK(encoded(by_rank, text, false, workspace) == expected);
  }
}

}  // namespace bpe_test
