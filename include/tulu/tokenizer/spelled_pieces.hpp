#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

[[nodiscard]] inline bool is_one_character(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 4 && read_utf8(text).length == text.size();
}

/// Appends `piece` to a string or a vector of characters, with a blank for each U+2581.
template <class Text>
void append_with_blanks(Text& out, std::string_view piece) {
  for (;;) {
    const bool blank = piece.starts_with(space_symbol);
    if (blank) {
      out.push_back(' ');
      piece.remove_prefix(space_symbol.size());
    }
    // The byte that U+2581 starts with is rare beyond the first character of a piece.
    const std::size_t at = std::min(piece.find(space_symbol[0], blank ? 0 : 1), piece.size());
    out.insert(out.end(), piece.begin(), piece.begin() + at);
    piece.remove_prefix(at);
    if (piece.empty()) return;
  }
}

/// The texts of a vocabulary as they stand in a text that is being merged. With escaped spaces that is a blank for each
/// U+2581, and nothing for a piece that no text can contain because it has a blank itself. Views of the texts outlive
/// a move.
class spelled_pieces {
 public:
  spelled_pieces(const vocabulary& pieces, bool escape_spaces) {
    ends_.reserve(pieces.size());
    text_.reserve(pieces.text_bytes());
    for (token_id id = 0; id < pieces.size(); ++id) {
      append(pieces.text(id), escape_spaces);
      ends_.push_back(text_.size());
    }
  }
  spelled_pieces(spelled_pieces&&) noexcept = default;
  spelled_pieces& operator=(spelled_pieces&&) noexcept = default;

  [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
  [[nodiscard]] std::string_view operator[](token_id id) const noexcept {
    const std::size_t begin = id == 0 ? 0 : ends_[id - 1];
    return {text_.data() + begin, ends_[id] - begin};
  }

 private:
  void append(std::string_view piece, bool escape_spaces) {
    if (!escape_spaces) {
      text_.insert(text_.end(), piece.begin(), piece.end());
    } else if (piece.find(' ') == std::string_view::npos) {
      append_with_blanks(text_, piece);
    }
  }

  std::vector<char> text_;
  std::vector<std::size_t> ends_;
};

}  // namespace tulu::detail
