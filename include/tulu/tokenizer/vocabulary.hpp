#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/tokenizer/text_index.hpp>

namespace tulu {

/// The number of a piece in its vocabulary: a row of the embedding.
using token_id = std::uint32_t;

/// What a piece is for; the values are those of SentencePiece's ModelProto.SentencePiece.Type.
enum class piece_kind : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// U+2581, which stands for a blank inside pieces.
inline constexpr std::string_view space_symbol = "\xE2\x96\x81";

/// The pieces of a tokenizer, by id: their text (as the file has it), score and kind. All texts together are shorter
/// than 4 GiB.
class vocabulary {
 public:
  void reserve(std::size_t count, std::size_t text_bytes) {
    pieces_.reserve(count);
    texts_.reserve(text_bytes);
  }

  /// Appends a piece; its id is the size before.
  void add(std::string_view text, float score, piece_kind kind) {
    pieces_.push_back(
        {static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size()), score, kind});
    texts_.append(text);
  }

  [[nodiscard]] std::size_t size() const noexcept { return pieces_.size(); }
  /// The size of all texts together.
  [[nodiscard]] std::size_t text_bytes() const noexcept { return texts_.size(); }
  [[nodiscard]] std::string_view text(token_id id) const noexcept {
    return {texts_.data() + pieces_[id].begin, pieces_[id].length};
  }
  [[nodiscard]] float score(token_id id) const noexcept { return pieces_[id].score; }
  [[nodiscard]] piece_kind kind(token_id id) const noexcept { return pieces_[id].kind; }

 private:
  struct piece {
    std::uint32_t begin;
    std::uint32_t length;
    float score;
    piece_kind kind;
  };

  std::string texts_;
  std::vector<piece> pieces_;
};

/// The byte that the piece text `<0xHH>` (upper-case digits) stands for.
[[nodiscard]] constexpr std::optional<std::uint8_t> byte_of_piece(std::string_view text) noexcept {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  constexpr std::string_view digits = "0123456789ABCDEF";
  const std::size_t high = digits.find(text[3]);
  const std::size_t low = digits.find(text[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(high * 16 + low);
}

}  // namespace tulu
