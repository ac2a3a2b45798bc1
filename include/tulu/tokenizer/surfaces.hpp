#pragma once

#include <algorithm>
#include <array>
#include <bit>
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
    starts_.reserve(pieces.size());
    lengths_.reserve(pieces.size());
    begins_with_symbol_.reserve(pieces.size());
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
      add(spelled);
      const bool text = kind != piece_kind::unknown && kind != piece_kind::byte && kind != piece_kind::control;
      begins_with_symbol_.push_back(text && pieces.text(id).starts_with(space_symbol));
    }
  }

  [[nodiscard]] std::string_view operator[](token_id id) const noexcept {
    if (lengths_[id] <= short_length) return {starts_[id].data(), lengths_[id]};
    const long_text own = std::bit_cast<long_text>(starts_[id]);
    return std::string_view{texts_}.substr(own.begin, own.length);
  }
  /// Whether the blank at the start of what `id` stands for is a U+2581 in its piece.
  [[nodiscard]] bool begins_with_space_symbol(token_id id) const noexcept { return begins_with_symbol_[id]; }

  /// Appends what `ids` stand for.
  void append(std::span<const token_id> ids, std::string& out) const {
    // In locals, because a store of characters may change members as far as the compiler knows.
    const start* const starts = starts_.data();
    const std::uint8_t* const lengths = lengths_.data();
    std::size_t total = 0;
    for (const token_id id : ids) total += lengths[id] <= short_length ? lengths[id] : (*this)[id].size();
    const std::size_t begin = out.size();
    out.resize(begin + total);
    char* at = out.data() + begin;
    const char* const end = at + total;
    for (const token_id id : ids) {
      const std::size_t length = lengths[id];
      if (length <= short_length && static_cast<std::size_t>(end - at) >= short_length) {
        std::memcpy(at, starts[id].data(), short_length);  // what is beyond its length is overwritten by the next
        at += length;
      } else {
        const std::string_view text = (*this)[id];
        at = std::copy(text.begin(), text.end(), at);
      }
    }
  }

 private:
  static constexpr std::size_t short_length = 16;
  using start = std::array<char, short_length>;

  /// Where a text longer than `short_length` is in `texts_`.
  struct long_text {
    std::uint64_t begin, length;
  };

  void add(std::string_view text) {
    start own{};
    if (text.size() <= short_length) {
      std::copy(text.begin(), text.end(), own.begin());
    } else {
      own = std::bit_cast<start>(long_text{texts_.size(), text.size()});
      texts_.append(text);
    }
    starts_.push_back(own);
    lengths_.push_back(static_cast<std::uint8_t>(std::min(text.size(), short_length + 1)));
  }

  std::vector<start> starts_;  ///< the texts, or the place of a longer one
  std::vector<std::uint8_t> lengths_;
  std::vector<bool> begins_with_symbol_;
  std::string texts_;
};

}  // namespace tulu::detail
