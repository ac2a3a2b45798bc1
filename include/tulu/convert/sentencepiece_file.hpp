#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::convert {

namespace detail {

/// Appends fields of protocol buffers' wire format.
class protobuf_writer {
 public:
  void number(std::uint32_t field, std::uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void number(std::uint32_t field, float value) {
    varint(field << 3 | 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xff);
  }
  void text(std::uint32_t field, std::string_view value) {
    varint(field << 3 | 2);
    varint(value.size());
    bytes_.append(value);
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

}  // namespace detail

/// The pieces of a SentencePiece BPE vocabulary and what a tokenizer.model says beside them.
struct sentencepiece_content {
  const vocabulary& pieces;
  std::optional<token_id> unk{}, bos{}, eos{}, pad{};
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = false;
};

/// The bytes of a tokenizer.model (sentencepiece_model.proto): BPE without a map of characters, as LLaMA's.
[[nodiscard]] inline std::string format_sentencepiece(const sentencepiece_content& content) {
  const vocabulary& pieces = content.pieces;
  detail::protobuf_writer model, trainer, normalizer;
  bool byte_fallback = false;
  for (token_id id = 0; id < pieces.size(); ++id) {
    std::string text{pieces.text(id)};
    // Converters to GGUF write blanks into user-defined pieces, which SentencePiece has as U+2581.
    for (std::size_t at; pieces.kind(id) == piece_kind::user_defined && (at = text.find(' ')) != std::string::npos;)
      text.replace(at, 1, space_symbol);
    detail::protobuf_writer piece;
    piece.text(1, text);
    piece.number(2, pieces.score(id));
    // Newer converters make the unknown piece a control piece; SentencePiece has exactly one of its own kind.
    const piece_kind kind = content.unk == id ? piece_kind::unknown : pieces.kind(id);
    piece.number(3, std::uint64_t{static_cast<std::uint8_t>(kind)});
    model.text(1, piece.bytes());
    byte_fallback = byte_fallback || pieces.kind(id) == piece_kind::byte;
  }
  constexpr std::uint64_t none = ~std::uint64_t{0};  // -1
  const auto id_or_none = [](std::optional<token_id> id) { return id ? std::uint64_t{*id} : none; };
  trainer.number(3, std::uint64_t{2});  // model_type: BPE
  trainer.number(4, std::uint64_t{pieces.size()});
  trainer.number(35, std::uint64_t{byte_fallback});
  trainer.number(40, id_or_none(content.unk));
  trainer.number(41, id_or_none(content.bos));
  trainer.number(42, id_or_none(content.eos));
  trainer.number(43, id_or_none(content.pad));
  constexpr std::uint32_t first_name = 45;  // unk_piece, bos_piece, eos_piece, pad_piece
  const std::optional<token_id> named[] = {content.unk, content.bos, content.eos, content.pad};
  for (std::uint32_t i = 0; i < std::size(named); ++i)
    if (named[i]) trainer.text(first_name + i, pieces.text(*named[i]));
  model.text(2, trainer.bytes());
  normalizer.text(1, "identity");
  normalizer.number(3, std::uint64_t{content.add_dummy_prefix});
  normalizer.number(4, std::uint64_t{content.remove_extra_whitespaces});
  normalizer.number(5, std::uint64_t{1});
  model.text(3, normalizer.bytes());
  return model.bytes();
}

}  // namespace tulu::convert
