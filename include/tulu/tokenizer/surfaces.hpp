#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/tokenizer/spelled_pieces.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// What each id stands for in a text: the piece with blanks for U+2581, the byte of a byte piece, `unk_surface` for the
/// unknown piece, nothing for control pieces.
class surfaces {
 public:
  surfaces(const vocabulary& pieces, std::string_view unk_surface) {
    entries_.reserve(pieces.size());
    std::string spelled;
    for (token_id id = 0; id < pieces.size(); ++id) {
      const piece_kind kind = pieces.kind(id);
      spelled.clear();
      if (kind == piece_kind::unknown) {
        spelled = unk_surface;
      } else if (const auto byte = byte_of_piece(pieces.text(id)); kind == piece_kind::byte && byte) {
        spelled = static_cast<char>(*byte);
      } else if (kind != piece_kind::control) {
        append_with_blanks(spelled, pieces.text(id));
      }
      add(spelled, kind != piece_kind::unknown && kind != piece_kind::byte && kind != piece_kind::control);
    }
  }

  [[nodiscard]] std::string_view operator[](token_id id) const noexcept {
    const entry& own = entries_[id];
    return {own.length > own.start.size() ? texts_.data() + own.begin : own.start.data(), own.length};
  }
  /// Whether `id` is a piece of text, in which U+2581 stands for a blank.
  [[nodiscard]] bool is_text(token_id id) const noexcept { return entries_[id].text; }

  /// Appends what `ids` stand for.
  void append(std::span<const token_id> ids, std::string& out) const {
    std::size_t length = 0;
    for (const token_id id : ids) length += entries_[id].length;
    const std::size_t begin = out.size();
    out.resize(begin + length);
    char* at = out.data() + begin;
    const char* const end = at + length;
    for (const token_id id : ids) {
      const entry& own = entries_[id];
      if (own.length <= own.start.size() && static_cast<std::size_t>(end - at) >= own.start.size()) {
        std::memcpy(at, own.start.data(), own.start.size());  // what is beyond its length is overwritten by the next
      } else {
        const std::string_view text = (*this)[id];
        std::copy(text.begin(), text.end(), at);
      }
      at += own.length;
    }
  }

 private:
  struct entry {
    std::array<char, 16> start;  ///< the whole text when it is no longer than this
    std::uint32_t begin;         ///< of a longer one, in `texts_`
    std::uint32_t length;
    bool text;
  };

  void add(std::string_view text, bool is_text) {
    entry own{{}, static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size()), is_text};
    std::copy_n(text.begin(), std::min(text.size(), own.start.size()), own.start.begin());
    if (text.size() > own.start.size()) texts_.append(text);
    entries_.push_back(own);
  }

  std::string texts_;
  std::vector<entry> entries_;
};

}  // namespace tulu::detail
