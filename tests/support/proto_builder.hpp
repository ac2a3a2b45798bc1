#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::test {

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

[[nodiscard]] inline std::string proto_varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  return out += static_cast<char>(value);
}

[[nodiscard]] inline std::string proto_key(std::uint64_t field, unsigned wire_type) {
  return proto_varint(field << 3 | wire_type);
}

[[nodiscard]] inline std::string proto_number(std::uint64_t field, std::uint64_t value) {
  return proto_key(field, 0) + proto_varint(value);
}

/// A string, bytes or message field.
[[nodiscard]] inline std::string proto_text(std::uint64_t field, std::string_view text) {
  return proto_key(field, 2) + proto_varint(text.size()) + std::string{text};
}

[[nodiscard]] inline std::string proto_fixed32(std::uint64_t field, std::uint32_t bits) {
  std::string out = proto_key(field, 5);
  for (int i = 0; i < 4; ++i) out += static_cast<char>(bits >> (8 * i) & 0xFF);
  return out;
}

[[nodiscard]] inline std::string proto_float(std::uint64_t field, float value) {
  return proto_fixed32(field, std::bit_cast<std::uint32_t>(value));
}

struct proto_piece {
  std::string text;
  float score = 0;
  piece_kind kind = piece_kind::normal;
};

/// NormalizerSpec: what is not given is not written.
struct proto_normalizer {
  std::optional<std::string> charsmap{};
  std::optional<bool> add_dummy_prefix{};
  std::optional<bool> remove_extra_whitespaces{};
  std::optional<bool> escape_whitespaces{};
};

/// The fields of ModelProto beside its pieces: what is not given is not written.
struct proto_settings {
  std::optional<std::uint64_t> model_type = 2;  ///< 1 unigram, 2 BPE, 3 word, 4 character
  std::optional<bool> byte_fallback{};
  std::optional<bool> treat_whitespace_as_suffix{};
  std::optional<std::string> unk_surface{};
  std::optional<std::string> bos_piece{}, eos_piece{}, pad_piece{};
  std::optional<proto_normalizer> normalizer{};
  std::optional<proto_normalizer> denormalizer{};
  std::string tail{};  ///< raw bytes at the end of the message
};

[[nodiscard]] inline std::string proto_normalizer_spec(const proto_normalizer& spec) {
  std::string out;
  if (spec.charsmap) out += proto_text(2, *spec.charsmap);
  if (spec.add_dummy_prefix) out += proto_number(3, *spec.add_dummy_prefix);
  if (spec.remove_extra_whitespaces) out += proto_number(4, *spec.remove_extra_whitespaces);
  if (spec.escape_whitespaces) out += proto_number(5, *spec.escape_whitespaces);
  return out;
}

[[nodiscard]] inline std::string proto_trainer_spec(const proto_settings& settings) {
  std::string out;
  if (settings.model_type) out += proto_number(3, *settings.model_type);
  if (settings.treat_whitespace_as_suffix) out += proto_number(24, *settings.treat_whitespace_as_suffix);
  if (settings.byte_fallback) out += proto_number(35, *settings.byte_fallback);
  if (settings.unk_surface) out += proto_text(44, *settings.unk_surface);
  if (settings.bos_piece) out += proto_text(46, *settings.bos_piece);
  if (settings.eos_piece) out += proto_text(47, *settings.eos_piece);
  if (settings.pad_piece) out += proto_text(48, *settings.pad_piece);
  return out;
}

/// A field `pieces` of ModelProto.
[[nodiscard]] inline std::string proto_piece_field(const proto_piece& piece) {
  return proto_text(1, proto_text(1, piece.text) + proto_float(2, piece.score) +
                           proto_number(3, static_cast<std::uint64_t>(piece.kind)));
}

/// The bytes of a SentencePiece model with exactly these pieces.
[[nodiscard]] inline std::string model_proto(const std::vector<proto_piece>& pieces,
                                             const proto_settings& settings = {}) {
  std::string out;
  for (const proto_piece& piece : pieces) out += proto_piece_field(piece);
  out += proto_text(2, proto_trainer_spec(settings));
  if (settings.normalizer) out += proto_text(3, proto_normalizer_spec(*settings.normalizer));
  if (settings.denormalizer) out += proto_text(5, proto_normalizer_spec(*settings.denormalizer));
  return out + settings.tail;
}

/// `<unk>`, `<s>`, `</s>`: ids 0, 1, 2.
[[nodiscard]] inline std::vector<proto_piece> reserved_pieces() {
  return {{"<unk>", 0, piece_kind::unknown}, {"<s>", 0, piece_kind::control}, {"</s>", 0, piece_kind::control}};
}

/// `<0x00>` to `<0xFF>`, for settings with byte_fallback.
[[nodiscard]] inline std::vector<proto_piece> byte_pieces() {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::vector<proto_piece> pieces;
  for (std::size_t i = 0; i < 256; ++i)
    pieces.push_back({std::string{"<0x"} + digits[i / 16] + digits[i % 16] + ">", 0, piece_kind::byte});
  return pieces;
}

/// A LLaMA-like BPE model: the reserved pieces, the byte pieces, then `texts` with scores 0, -1, -2, …; byte fallback,
/// identity normalizer that keeps blanks.
[[nodiscard]] inline std::string llama_proto(const std::vector<std::string>& texts, proto_settings settings = {}) {
  std::vector<proto_piece> pieces = reserved_pieces();
  for (proto_piece& piece : byte_pieces()) pieces.push_back(std::move(piece));
  float score = 0;
  for (const std::string& text : texts) pieces.push_back({text, score--, piece_kind::normal});
  settings.byte_fallback = true;
  if (!settings.normalizer) settings.normalizer = proto_normalizer{};
  if (!settings.normalizer->remove_extra_whitespaces) settings.normalizer->remove_extra_whitespaces = false;
  return model_proto(pieces, settings);
}

}  // namespace tulu::test
