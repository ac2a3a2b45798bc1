#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../support/proto_builder.hpp"
#include "../support/temp_dir.hpp"
#include <tulu/tokenizer/sentencepiece_model.hpp>

namespace sentencepiece_model_test {

using namespace tulu::test;
using tulu::piece_kind;
using tulu::sentencepiece_model;
using tulu::token_id;

sentencepiece_model read(std::string_view bytes) {
  return tulu::read_sentencepiece_model(bytes_of(bytes), "t.model");
}

std::string error_of(std::string_view bytes) {
  return message_of([&] { static_cast<void>(read(bytes)); });
}

/// The reserved pieces and these.
std::vector<proto_piece> with(std::vector<proto_piece> more) {
  std::vector<proto_piece> pieces = reserved_pieces();
  for (proto_piece& piece : more) pieces.push_back(std::move(piece));
  return pieces;
}

/// A small model with a field of every kind that is read.
std::string varied_model() {
  proto_settings settings;
  settings.unk_surface = "?";
  settings.pad_piece = "<p>";
  settings.normalizer = proto_normalizer{std::string{"\4\0\0\0abcdx\0", 10}, false, false, true};
  settings.denormalizer = proto_normalizer{std::nullopt, false, std::nullopt, std::nullopt};
  settings.tail = proto_text(4, proto_text(1, proto_text(1, "in"))) + proto_text(200, "extension");
  return model_proto(with({{"<p>", 0, piece_kind::control}, {"a", -1.5F}, {"b", -2.5F, piece_kind::user_defined}}),
                     settings);
}

std::string charsmap_error(std::string map, bool denormalizer = false) {
  proto_settings settings;
  (denormalizer ? settings.denormalizer : settings.normalizer) = proto_normalizer{std::move(map), {}, {}, {}};
  return error_of(model_proto(reserved_pieces(), settings));
}

TEST_CASE("sentencepiece_model: pieces keep their order, texts, scores and kinds") {
  const sentencepiece_model model = read(model_proto(
      with({{"a", -1}, {"\xE2\x96\x81", 2.5F}, {"x", 0, piece_kind::user_defined}, {"y", -3, piece_kind::unused}})));
  CHECK(model.name == "t.model");
  REQUIRE(model.pieces.size() == 7);
  CHECK(model.pieces.text(0) == "<unk>");
  CHECK(model.pieces.kind(0) == piece_kind::unknown);
  CHECK(model.pieces.kind(1) == piece_kind::control);
  CHECK(model.pieces.text(3) == "a");
  CHECK(model.pieces.score(3) == -1);
  CHECK(model.pieces.kind(3) == piece_kind::normal);
  CHECK(model.pieces.text(4) == tulu::space_symbol);
  CHECK(model.pieces.score(4) == 2.5F);
  CHECK(model.pieces.kind(5) == piece_kind::user_defined);
  CHECK(model.pieces.kind(6) == piece_kind::unused);
}

TEST_CASE("sentencepiece_model: what is not said has SentencePiece's defaults") {
  const std::string bytes =
      proto_text(1, proto_text(1, "<unk>") + proto_number(3, 2)) + proto_text(1, proto_text(1, "a"));
  const sentencepiece_model model = read(bytes);
  CHECK(model.type == sentencepiece_model::algorithm::unigram);
  for (const auto* normalizer : {&model.normalization, &model.denormalization}) {
    CHECK(normalizer->precompiled_charsmap.empty());
    CHECK(normalizer->add_dummy_prefix);
    CHECK(normalizer->remove_extra_whitespaces);
    CHECK(normalizer->escape_whitespaces);
  }
  CHECK_FALSE(model.treat_whitespace_as_suffix);
  CHECK_FALSE(model.byte_fallback);
  CHECK(model.unk_surface == " \xE2\x81\x87 ");
  CHECK(model.unk_id == 0);
  CHECK_FALSE(model.bos_id.has_value());
  CHECK_FALSE(model.eos_id.has_value());
  CHECK_FALSE(model.pad_id.has_value());
  CHECK(model.pieces.score(1) == 0);
  CHECK(model.pieces.kind(1) == piece_kind::normal);
}

TEST_CASE("sentencepiece_model: pieces that are written in an unusual way mean the same") {
  const std::string text = proto_text(1, "a");
  const std::string score = proto_float(2, -1.5F);
  const std::string kind = proto_number(3, 4);
  const std::string long_text(200, 'b');
  for (const std::string& piece : {text + score + kind, kind + score + text, score + text + kind,
                                   text + score + kind + proto_text(200, "extension"), text + kind + score,
                                   proto_key(1, 2) + std::string{"\x81\0", 2} + "a" + score + kind}) {
    const sentencepiece_model model = read(model_proto(reserved_pieces()) + proto_text(1, piece));
    REQUIRE(model.pieces.size() == 4);
    CHECK(model.pieces.text(3) == "a");
    CHECK(model.pieces.score(3) == -1.5F);
    CHECK(model.pieces.kind(3) == piece_kind::user_defined);
  }
  const sentencepiece_model model =
      read(model_proto(with({{long_text, -2}})) + proto_text(1, text) + proto_text(1, proto_text(1, "c") + score));
  CHECK(model.pieces.text(3) == long_text);
  CHECK(model.pieces.score(3) == -2);
  CHECK(model.pieces.score(4) == 0);
  CHECK(model.pieces.score(5) == -1.5F);
  CHECK(model.pieces.kind(5) == piece_kind::normal);
}

TEST_CASE("sentencepiece_model: settings are read") {
  proto_settings settings;
  settings.treat_whitespace_as_suffix = true;
  settings.unk_surface = "";
  const std::string map{"\4\0\0\0abcdx\0", 10};
  settings.normalizer = proto_normalizer{map, false, true, false};
  settings.denormalizer = proto_normalizer{map + "y", true, false, true};
  const sentencepiece_model model = read(model_proto(reserved_pieces(), settings));
  CHECK(model.type == sentencepiece_model::algorithm::bpe);
  CHECK(model.treat_whitespace_as_suffix);
  CHECK(model.unk_surface.empty());
  CHECK(model.normalization.precompiled_charsmap == map);
  CHECK_FALSE(model.normalization.add_dummy_prefix);
  CHECK(model.normalization.remove_extra_whitespaces);
  CHECK_FALSE(model.normalization.escape_whitespaces);
  CHECK(model.denormalization.precompiled_charsmap == map + "y");
  CHECK(model.denormalization.add_dummy_prefix);
  CHECK_FALSE(model.denormalization.remove_extra_whitespaces);
  CHECK(model.denormalization.escape_whitespaces);
}

TEST_CASE("sentencepiece_model: a field given twice: the last value counts, messages are merged") {
  const std::string piece = proto_text(1, proto_text(1, "x") + proto_float(2, 1) + proto_text(1, "a") +
                                              proto_float(2, 2) + proto_number(3, 3) + proto_number(3, 1));
  const std::string trainers = proto_text(2, proto_number(3, 1) + proto_number(24, 1) + proto_text(44, "first")) +
                               proto_text(2, proto_number(3, 2) + proto_text(44, "second"));
  const std::string normalizers =
      proto_text(3, proto_number(3, 0) + proto_number(4, 0)) + proto_text(3, proto_number(4, 1));
  const sentencepiece_model model = read(trainers + model_proto(reserved_pieces()) + piece + trainers + normalizers);
  CHECK(model.pieces.text(3) == "a");
  CHECK(model.pieces.score(3) == 2);
  CHECK(model.pieces.kind(3) == piece_kind::normal);
  CHECK(model.type == sentencepiece_model::algorithm::bpe);
  CHECK(model.treat_whitespace_as_suffix);
  CHECK(model.unk_surface == "second");
  CHECK_FALSE(model.normalization.add_dummy_prefix);
  CHECK(model.normalization.remove_extra_whitespaces);
}

TEST_CASE("sentencepiece_model: self-test samples, extensions, training settings and unknown fields are skipped") {
  const std::string unknown =
      proto_number(900, 5) + proto_text(901, "x") + proto_float(902, 1) + proto_key(903, 1) + std::string(8, 'x');
  const std::string trainer = proto_text(1, "corpus.txt") + proto_text(2, "prefix") + proto_number(4, 0x80000000) +
                              proto_number(4, ~std::uint64_t{0}) + proto_float(10, 1) + unknown;
  proto_settings settings;
  settings.tail = proto_text(4, proto_text(1, proto_text(1, "in") + proto_text(2, "out"))) + unknown +
                  proto_text(2, trainer) + proto_text(3, proto_text(1, "nmt") + proto_text(6, "tsv") + unknown) +
                  proto_text(1, proto_text(1, "a") + unknown);
  const sentencepiece_model model = read(model_proto(reserved_pieces(), settings));
  CHECK(model.pieces.size() == 4);
  CHECK(model.pieces.text(3) == "a");
}

TEST_CASE("sentencepiece_model: bos, eos and pad are the control pieces of the names in the trainer's settings") {
  SUBCASE("the usual names") {
    const sentencepiece_model model = read(model_proto(with({{"<pad>", 0, piece_kind::control}})));
    CHECK(model.bos_id == token_id{1});
    CHECK(model.eos_id == token_id{2});
    CHECK(model.pad_id == token_id{3});
  }
  SUBCASE("other names; an empty one is the usual one") {
    proto_settings settings;
    settings.bos_piece = "[CLS]";
    settings.eos_piece = std::string{"[SEP]\0rest", 10};
    settings.pad_piece = "";
    const sentencepiece_model model =
        read(model_proto(with({{"[SEP]", 0, piece_kind::control}, {"[CLS]", 0, piece_kind::control}}), settings));
    CHECK(model.bos_id == token_id{4});
    CHECK(model.eos_id == token_id{3});
    CHECK_FALSE(model.pad_id.has_value());
  }
  SUBCASE("a piece of the name that is no control piece does not count") {
    proto_settings settings;
    settings.bos_piece = "<unk>";
    settings.eos_piece = "a";
    const sentencepiece_model model =
        read(model_proto(with({{"a", 0}, {"<pad>", 0, piece_kind::user_defined}}), settings));
    CHECK_FALSE(model.bos_id.has_value());
    CHECK_FALSE(model.eos_id.has_value());
    CHECK_FALSE(model.pad_id.has_value());
  }
}

TEST_CASE("sentencepiece_model: byte fallback needs each byte piece once") {
  const sentencepiece_model model = read(llama_proto({"a"}));
  CHECK(model.byte_fallback);
  CHECK(model.pieces.size() == 260);
  CHECK(model.unk_id == 0);
  for (token_id i = 0; i < 256; ++i) CHECK(model.byte_ids[i] == i + 3);

  proto_settings settings;
  settings.byte_fallback = true;
  std::vector<proto_piece> bytes = byte_pieces();
  std::reverse(bytes.begin(), bytes.end());
  CHECK(read(model_proto(with(bytes), settings)).byte_ids[0] == 258);
  bytes.erase(bytes.begin() + 0x100 - 0xAB - 1);
  CHECK(error_of(model_proto(with(bytes), settings)) ==
        "t.model: pieces: expected a byte piece for each byte, as byte_fallback is on, found no <0xAB>");
  bytes.push_back({"<0xab>", 0, piece_kind::byte});
  CHECK(error_of(model_proto(with(bytes), settings)) ==
        "t.model: piece 258: expected a byte piece from <0x00> to <0xFF>, found \"<0xab>\"");
  CHECK(error_of(model_proto(with({{"<0x41>", 0, piece_kind::byte}}))) ==
        "t.model: piece 3: expected no byte piece without byte_fallback, found \"<0x41>\"");
}

TEST_CASE(
    "sentencepiece_model: duplicates are refused among the texts that are matched, and among the others, but not "
    "across") {
  CHECK(error_of(model_proto(with({{"a", 0}, {"b", 0}, {"a", -1, piece_kind::unused}}))) ==
        "t.model: piece 5: expected a new text, found \"a\" again (piece 3)");
  CHECK(error_of(model_proto(with({{"a\n", 0, piece_kind::user_defined}, {"a\n", 0}}))) ==
        "t.model: piece 4: expected a new text, found \"a\\x0a\" again (piece 3)");
  CHECK(error_of(model_proto(with({{"<unk>", 0, piece_kind::control}}))) ==
        "t.model: piece 3: expected a new text, found \"<unk>\" again (piece 0)");
  CHECK(error_of(model_proto(with({{"<s>", 0}, {"</s>", 0, piece_kind::user_defined}}))) == "");
}

TEST_CASE("sentencepiece_model: there is exactly one unknown piece, anywhere") {
  CHECK(read(model_proto({{"a", 0}, {"[UNK]", 0, piece_kind::unknown}})).unk_id == 1);
  CHECK(error_of(model_proto({{"a", 0}})) == "t.model: pieces: expected an unknown piece (type 2), found none");
  CHECK(error_of("") == "t.model: pieces: expected an unknown piece (type 2), found none");
  CHECK(error_of(model_proto(with({{"a", 0}, {"<unk2>", 0, piece_kind::unknown}}))) ==
        "t.model: piece 4: expected one unknown piece, found a second (piece 0)");
}

TEST_CASE("sentencepiece_model: pieces without text are refused") {
  CHECK(error_of(model_proto(with({{"", 0}}))) == "t.model: piece 3: expected a text, found none");
  std::string empties;
  for (int i = 0; i < 100'000; ++i) empties += proto_text(1, "");
  CHECK(error_of(empties) == "t.model: piece 0: expected a text, found none");
}

TEST_CASE("sentencepiece_model: scores are finite") {
  const auto error_of_score = [](float score) { return error_of(proto_piece_field({"a", score})); };
  CHECK(error_of_score(std::numeric_limits<float>::quiet_NaN()) ==
        "t.model: byte 6: pieces.score: expected a finite number, found NaN");
  CHECK(error_of_score(-std::numeric_limits<float>::infinity()) ==
        "t.model: byte 6: pieces.score: expected a finite number, found an infinity");
  CHECK(error_of(model_proto(with({{"a", std::numeric_limits<float>::lowest()}}))) == "");
}

TEST_CASE("sentencepiece_model: types of pieces and models that are not known are refused") {
  const auto error_of_type = [](std::uint64_t type) {
    return error_of(proto_text(1, proto_text(1, "a") + proto_number(3, type)));
  };
  CHECK(error_of_type(0) == "t.model: byte 6: pieces.type: expected a type from 1 to 6, found 0");
  CHECK(error_of_type(7) == "t.model: byte 6: pieces.type: expected a type from 1 to 6, found 7");
  CHECK(error_of_type(257) == "t.model: byte 6: pieces.type: expected a type from 1 to 6, found 257");

  const auto error_of_model = [](std::uint64_t type) { return error_of(proto_text(2, proto_number(3, type))); };
  const std::string expected = "t.model: byte 3: trainer_spec.model_type: expected 1 (unigram) or 2 (BPE), found ";
  CHECK(error_of_model(3) == expected + "3 (a WORD model, which is not supported)");
  CHECK(error_of_model(4) == expected + "4 (a CHAR model, which is not supported)");
  CHECK(error_of_model(5) == expected + "5");
  CHECK(error_of_model(0) == expected + "0");
}

TEST_CASE("sentencepiece_model: a unigram model has a piece to match") {
  proto_settings settings;
  settings.model_type = 1;
  CHECK(error_of(model_proto(reserved_pieces(), settings)) ==
        "t.model: pieces: expected a normal piece in a unigram model, found none");
  CHECK(error_of(model_proto(with({{"a", 0, piece_kind::unused}}), settings)) == "");
}

TEST_CASE("sentencepiece_model: a NUL is refused in a piece that SentencePiece would end there") {
  const std::string text{"a\0b", 3};
  proto_settings unigram;
  unigram.model_type = 1;
  CHECK(error_of(model_proto(with({{text, 0}}), unigram)) ==
        "t.model: piece 3: expected a text without NUL, found \"a\\x00b\"");
  CHECK(error_of(model_proto(with({{text, 0, piece_kind::user_defined}}))) ==
        "t.model: piece 3: expected a text without NUL, found \"a\\x00b\"");
  CHECK(read(model_proto(with({{text, 0}}))).pieces.text(3) == text);
  CHECK(error_of(model_proto(with({{text, 0, piece_kind::control}, {"a", 0}}), unigram)) == "");
}

TEST_CASE("sentencepiece_model: an unknown surface ends at a NUL") {
  proto_settings settings;
  settings.unk_surface = std::string{"?\0!", 3};
  CHECK(read(model_proto(reserved_pieces(), settings)).unk_surface == "?");
}

TEST_CASE("sentencepiece_model: a damaged charsmap is refused") {
  CHECK(charsmap_error("") == "");
  CHECK(charsmap_error({"\4\0\0\0abcd", 8}) == "");
  for (const bool denormalizer : {false, true}) {
    // Before the length of the map: two keys and the length of the normalizer's message.
    const std::string place = "t.model: byte " + std::to_string(model_proto(reserved_pieces()).size() + 3) + ": " +
                              (denormalizer ? "de" : "") + "normalizer_spec.precompiled_charsmap: expected ";
    CHECK(charsmap_error("abc", denormalizer) == place + "a trie and replacements, found 3 bytes");
    CHECK(charsmap_error(std::string(4, '\0'), denormalizer) == place + "a trie and replacements, found 4 bytes");
    CHECK(charsmap_error(std::string(5, '\0'), denormalizer) == place + "a trie of 4-byte units, found one of 0 bytes");
    CHECK(charsmap_error({"\6\0\0\0abcdefgh", 12}, denormalizer) ==
          place + "a trie of 4-byte units, found one of 6 bytes");
    CHECK(charsmap_error({"\10\0\0\0abcdefg", 11}, denormalizer) ==
          place + "a trie within its 11 bytes, found one of 8 bytes");
    CHECK(charsmap_error("\xFC\xFF\xFF\xFF"
                         "abcd",
                         denormalizer) == place + "a trie within its 8 bytes, found one of 4294967292 bytes");
  }
}

TEST_CASE("sentencepiece_model: fields of the wrong wire type are refused by name") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {proto_number(1, 1), "byte 1: pieces: expected bytes, found a number"},
      {proto_float(2, 1), "byte 1: trainer_spec: expected bytes, found a 32-bit value"},
      {proto_number(3, 1), "byte 1: normalizer_spec: expected bytes, found a number"},
      {proto_number(5, 1), "byte 1: denormalizer_spec: expected bytes, found a number"},
      {proto_text(1, proto_number(1, 1)), "byte 3: pieces.piece: expected bytes, found a number"},
      {proto_text(1, proto_number(2, 1)), "byte 3: pieces.score: expected a 32-bit value, found a number"},
      {proto_text(1, proto_text(3, "")), "byte 3: pieces.type: expected a number, found bytes"},
      {proto_text(2, proto_text(3, "")), "byte 3: trainer_spec.model_type: expected a number, found bytes"},
      {proto_text(2, proto_float(24, 0)),
       "byte 4: trainer_spec.treat_whitespace_as_suffix: expected a number, found a 32-bit value"},
      {proto_text(2, proto_text(35, "")), "byte 4: trainer_spec.byte_fallback: expected a number, found bytes"},
      {proto_text(2, proto_number(44, 1)), "byte 4: trainer_spec.unk_surface: expected bytes, found a number"},
      {proto_text(2, proto_number(46, 1)), "byte 4: trainer_spec.bos_piece: expected bytes, found a number"},
      {proto_text(2, proto_number(47, 1)), "byte 4: trainer_spec.eos_piece: expected bytes, found a number"},
      {proto_text(2, proto_number(48, 1)), "byte 4: trainer_spec.pad_piece: expected bytes, found a number"},
      {proto_text(3, proto_number(2, 1)),
       "byte 3: normalizer_spec.precompiled_charsmap: expected bytes, found a number"},
      {proto_text(3, proto_text(3, "")), "byte 3: normalizer_spec.add_dummy_prefix: expected a number, found bytes"},
      {proto_text(3, proto_text(4, "")),
       "byte 3: normalizer_spec.remove_extra_whitespaces: expected a number, found bytes"},
      {proto_text(5, proto_text(5, "")),
       "byte 3: denormalizer_spec.escape_whitespaces: expected a number, found bytes"}};
  for (const auto& [bytes, message] : cases) CHECK(error_of(bytes) == "t.model: " + message);
}

TEST_CASE("sentencepiece_model: a length of gigabytes is refused without allocating it") {
  for (const std::uint64_t length : {std::uint64_t{1} << 31, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    CHECK(error_of(proto_key(1, 2) + proto_varint(length)) == "t.model: byte 1: pieces: expected " +
                                                                  std::to_string(length) +
                                                                  " bytes, found 0 until the end of the message");
  }
}

TEST_CASE("sentencepiece_model: a model cut anywhere is refused or a shorter model") {
  const std::string bytes = varied_model();
  const std::size_t count = read(bytes).pieces.size();
  std::size_t refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // A copy of this size: reading beyond it is noticed.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    std::size_t pieces = 0;
    const std::string message = message_of([&] { pieces = read({cut.data(), cut.size()}).pieces.size(); });
    if (message.empty()) {
      CHECK(pieces <= count);
    } else {
      CHECK(message.starts_with("t.model: "));
      ++refused;
    }
  }
  CHECK(refused > bytes.size() * 8 / 10);
}

TEST_CASE("sentencepiece_model: a model with one bit or byte changed is read or refused by name") {
  const std::string bytes = varied_model();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      std::vector<char> changed(bytes.begin(), bytes.end());
      changed[at] = static_cast<char>(changed[at] ^ change);
      const std::string message = error_of({changed.data(), changed.size()});
      if (message.empty()) continue;
      CHECK(message.starts_with("t.model: "));
      ++refused;
    }
  }
  CHECK(refused > bytes.size());
}

TEST_CASE("sentencepiece_model: a file is loaded, and its path is the name") {
  const temp_dir dir;
  const std::filesystem::path path = dir.path() / "tokenizer.model";
  write_file(path, llama_proto({"a", "b"}));
  const sentencepiece_model model = tulu::load_sentencepiece_model(path);
  CHECK(model.name == path.string());
  CHECK(model.pieces.size() == 261);
  const auto load = [&path] { static_cast<void>(tulu::load_sentencepiece_model(path)); };
  write_file(path, model_proto({{"a", 0}}));
  CHECK(message_of(load) == path.string() + ": pieces: expected an unknown piece (type 2), found none");
  std::filesystem::remove(path);
  CHECK(message_of(load) == path.string() + ": cannot open: No such file or directory");
}

TEST_CASE("sentencepiece_model: what a failed download left is called by its name") {
  const temp_dir dir;
  const std::filesystem::path path = dir.path() / "tokenizer.model";
  const auto load = [&path] { static_cast<void>(tulu::load_sentencepiece_model(path)); };
  const std::string expected = path.string() + ": expected a SentencePiece model, found ";
  write_file(path, "");
  CHECK(message_of(load) == expected + "an empty file");
  write_file(path, "\n<!DOCTYPE html><html></html>");
  CHECK(message_of(load) == expected + "an HTML page (a failed download)");
  write_file(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 499723\n");
  CHECK(message_of(load) == expected + "a git-lfs pointer to 499723 bytes (run \"git lfs pull\")");
}

TEST_CASE("sentencepiece_model: a model that begins like a page is a model") {
  const temp_dir dir;
  const std::filesystem::path path = dir.path() / "tokenizer.model";
  const std::string piece = proto_text(1, proto_text(1, "<html>567") + proto_number(3, 1));
  REQUIRE(tulu::io::describe_stand_in(piece).has_value());
  write_file(path, piece + model_proto(reserved_pieces()));
  CHECK(tulu::load_sentencepiece_model(path).pieces.text(0) == "<html>567");
}

TEST_CASE("sentencepiece_model: a file of more than a gibibyte is refused before it is read") {
  const temp_dir dir;
  const std::filesystem::path path = dir.path() / "tokenizer.model";
  write_file(path, "");
  std::filesystem::resize_file(path, (std::uintmax_t{1} << 30) + 1);
  CHECK(message_of([&] { static_cast<void>(tulu::load_sentencepiece_model(path)); }) ==
        path.string() + ": expected a SentencePiece model of at most 1 GiB, found 1073741825 bytes");
}

TEST_CASE("sentencepiece_model: the tokenizer of LLaMA") {
  const std::filesystem::path path = std::filesystem::path{TULU_SHARED_DIR} / "data/llama-tokenizer.model";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: there is no " << path.string());
    return;
  }
  const sentencepiece_model model = tulu::load_sentencepiece_model(path);
  CHECK(model.type == sentencepiece_model::algorithm::bpe);
  CHECK(model.byte_fallback);
  CHECK_FALSE(model.treat_whitespace_as_suffix);
  CHECK(model.normalization.precompiled_charsmap.empty());
  CHECK(model.normalization.add_dummy_prefix);
  CHECK_FALSE(model.normalization.remove_extra_whitespaces);
  CHECK(model.normalization.escape_whitespaces);
  CHECK(model.denormalization.precompiled_charsmap.empty());
  CHECK(model.unk_id == 0);
  CHECK(model.bos_id == token_id{1});
  CHECK(model.eos_id == token_id{2});
  CHECK_FALSE(model.pad_id.has_value());
  CHECK(model.unk_surface == " \xE2\x81\x87 ");
  CHECK(model.byte_ids[0x41] == 0x41 + 3);

  REQUIRE(model.pieces.size() == 32000);
  std::array<std::size_t, 7> kinds{};
  std::size_t longest = 0;
  for (token_id id = 0; id < 32000; ++id) {
    ++kinds[static_cast<std::size_t>(model.pieces.kind(id))];
    std::size_t characters = 0;
    for (const char c : model.pieces.text(id)) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    longest = std::max(longest, characters);
  }
  CHECK(kinds == std::array<std::size_t, 7>{0, 31741, 1, 2, 0, 0, 256});
  CHECK(longest == 16);
  CHECK(model.pieces.text(319) ==
        "\xE2\x96\x81"
        "A");
  CHECK(model.pieces.text(29871) == tulu::space_symbol);
}

}  // namespace sentencepiece_model_test
