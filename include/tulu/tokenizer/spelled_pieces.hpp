#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

[[nodiscard]] inline bool is_one_character(std::string_view text) noexcept {
  return !text.empty() && read_utf8(text).length == text.size();
}

/// Appends `piece` to a string or a vector of characters, with a blank for each U+2581.
template <class Text>
void append_with_blanks(Text& out, std::string_view piece) {
  for (;;) {
    const std::size_t at = std::min(piece.find(space_symbol), piece.size());
    out.insert(out.end(), piece.begin(), piece.begin() + at);
    if (at == piece.size()) return;
    out.push_back(' ');
    piece.remove_prefix(at + space_symbol.size());
  }
}

/// The texts of a vocabulary as they stand in a text that is being merged. With escaped spaces that is a blank for each
/// U+2581, and nothing for a piece that no text can contain because it has a blank itself. Views of the texts outlive
/// a move.
class spelled_pieces {
 public:
  spelled_pieces(const vocabulary& pieces, bool escape_spaces) {
    ends_.reserve(pieces.size());
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
