#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/char_pairs.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>
#include <tulu/tokenizer/word_bpe.hpp>

namespace tulu::detail {

/// Byte-pair encoding, exact and in time linear in the text. `Merges` says what merges first: text_merges for
/// SentencePiece, rank_merges for Hugging Face.
///
/// A text is cut where no piece can reach across (char_pairs), and each part is looked up among the words seen before.
/// See word_bpe for parts of any length.
template <class Merges>
class bpe {
 public:
  bpe(Merges merges, const bpe_options& options) : words_{std::move(merges), options}, options_{options} {
    words_.merges().for_each_result([this](std::string_view piece, std::uint32_t) { joins_.add_all(piece); });
    if (!words_.merges().spells_text()) joins_.join_everything();
    words_.merges().for_each_character([this](std::string_view character, token_id id) {
      const char32_t code = read_utf8(character).code;
      if (code == U' ') lone_space_ = id;
      if (code < characters_.size() && id != options_.unk_id) characters_[code] = id;
    });
    detached_runs_ = lone_space_ && options.escape_spaces && words_.merges().spells_text() && space_runs_merge_last();
  }

  /// The ids of `text`, any bytes, after a blank if `space_first`. An empty text has none.
  void encode(std::string_view text, bool space_first, token_sink& out, encode_workspace& workspace) const {
    if (text.empty()) return;
    words_.prepare(workspace);
    run state{out, workspace};
    if constexpr (requires(const Merges& merges) { merges.any_unused(); })
      if (words_.merges().any_unused()) return encode_with_unused(text, space_first, state);
    if (!options_.byte_fallback && !options_.unk_id) return encode_known(text, space_first, state);
    if (space_first) {
      const std::size_t length = find_cut(text, U' ').length;
      put_right(text.substr(0, length), true, workspace.chunk);
      encode_part(workspace.chunk, state);
      text.remove_prefix(length);
    }
    encode_part(text, state);
  }

 private:
  using run = typename word_bpe<Merges>::run;
  /// A part of a text that nothing merges out of. It is `clean` when it is UTF-8 and spelled like the pieces.
  struct part {
    std::size_t length;
    bool clean;
  };
  static constexpr char32_t escaped_space = 0x2581;

  /// The character at the start of `text` as the pieces spell it: a blank for U+2581 where that is escaped, U+FFFD for
  /// a byte that is not UTF-8. It is `clean` when its bytes say so as they are.
  struct spelled_char {
    char32_t code;
    std::size_t length;
    bool clean;
  };
  [[nodiscard]] spelled_char read_spelled(std::string_view text) const noexcept {
    const utf8_char next = read_utf8(text);
    const bool escaped = next.code == escaped_space && options_.escape_spaces;
    return {escaped ? U' ' : next.code, next.length, next.valid && !escaped};
  }

  /// The part at the start of `text`, which follows the character `before`.
  [[nodiscard]] part find_cut(std::string_view text, char32_t before) const noexcept {
    part found{0, true};
    while (found.length < text.size()) {
      const auto byte = static_cast<unsigned char>(text[found.length]);
      if (byte < 0x80 && before < 0x80) {
        if (!joins_.may_join_ascii(before, byte)) return found;
        before = byte;
        ++found.length;
        continue;
      }
      const spelled_char next = read_spelled(text.substr(found.length));
      if (!joins_.may_join(before, next.code)) return found;
      found.clean = found.clean && next.clean;
      found.length += next.length;
      before = next.code;
    }
    return found;
  }
  /// The part at the start of `text`, at least one character of it.
  [[nodiscard]] part first_part(std::string_view text) const noexcept {
    const spelled_char first = read_spelled(text);
    const part rest = find_cut(text.substr(first.length), first.code);
    return {first.length + rest.length, rest.clean && first.clean};
  }

  /// Where an unknown character becomes nothing, what stands on its two sides may merge.
  void encode_known(std::string_view text, bool space_first, run& state) const {
    std::string spelled;
    put_right(text, space_first, spelled);
    std::string known;
    for (std::string_view rest = spelled; !rest.empty();) {
      const std::string_view character = rest.substr(0, read_utf8(rest).length);
      if (words_.merges().piece_of(character)) known.append(character);
      rest.remove_prefix(character.size());
    }
    encode_part(known, state);
  }
  void encode_with_unused(std::string_view text, bool space_first, run& state) const {
    put_right(text, space_first, state.workspace.chunk);
    words_.encode_by_queue(state.workspace.chunk, state);
  }

  void encode_part(std::string_view text, run& state) const {
    const char* start = text.data();  // of the part in hand, of which the bytes before `at` are ASCII
    const char* at = start;
    const char* const end = start + text.size();
    const auto rest = [&](const char* from) { return static_cast<std::size_t>(end - from); };
    while (start != end) {
      std::uint64_t cuts = 0;
      std::size_t seen = 0;
      for (; seen < 64 && rest(at + seen) >= 8 && is_ascii(at + seen); seen += 8)
        cuts |= joins_.cuts(at + seen, byte_before(start, at + seen)) << seen;
      if (at == start) cuts &= ~std::uint64_t{1};
      for (; cuts != 0; cuts &= cuts - 1) {
        const char* const cut = at + std::countr_zero(cuts);
        encode_word({start, static_cast<std::size_t>(cut - start)}, rest(start), state);
        start = cut;
      }
      at += seen;
      if (seen == 64) continue;
      part next = at == start ? first_part({at, rest(at)}) : find_cut({at, rest(at)}, byte_before(start, at));
      next.length += static_cast<std::size_t>(at - start);
      encode_as_one({start, rest(start)}, next, state);
      at = start += next.length;
    }
  }
  [[nodiscard]] static bool is_ascii(const char* eight) noexcept {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, eight, 8);
    return (bytes & 0x8080808080808080) == 0;
  }
  /// The byte before `at`; anything when there is none.
  [[nodiscard]] static unsigned char byte_before(const char* start, const char* at) noexcept {
    return at == start ? 0 : static_cast<unsigned char>(at[-1]);
  }

  /// The part at the start of `text`.
  void encode_as_one(std::string_view text, part extent, run& state) const {
    const std::string_view own = text.substr(0, extent.length);
    if (extent.clean && extent.length == 3 && static_cast<unsigned char>(own[0]) >= 0xE0)
      return encode_character(own, state);
    if (extent.clean) return encode_word(own, text.size(), state);
    // `text` is not in `chunk` here: what is in there is clean.
    put_right(own, false, state.workspace.chunk);
    encode_word(state.workspace.chunk, state.workspace.chunk.size(), state);
  }

  /// A part that is one character of three bytes.
  void encode_character(std::string_view character, run& state) const {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
    const token_id id = characters_[(byte(0) & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU)];
    if (id != text_index::none) {
      state.out.push(id);
      state.after_unknown = false;
    } else {
      words_.emit_unknown(character, state);
    }
  }

  /// A clean part of which `readable` bytes, at least its own, may be read.
  void encode_word(std::string_view word, std::size_t readable, run& state) const {
    if (detached_runs_ && word.size() > 1 && word[0] == ' ' && word[1] == ' ')
      return encode_spaced(word, readable, state);
    words_.encode(word, readable, state);
  }
  /// Two or more blanks and the word after them. Merges of blanks alone come last, so the word with one blank is
  /// encoded first; if that blank stays alone, it belongs to the run.
  void encode_spaced(std::string_view text, std::size_t readable, run& state) const {
    const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    if (blanks == text.size()) return words_.encode(text, readable, state);
    const auto known = words_.find(text.substr(blanks - 1), readable - (blanks - 1), state.workspace);
    if (known.empty()) return words_.encode(text, readable, state);
    std::array<token_id, word_bpe<Merges>::most_ids> ids;
    const std::size_t count = known.size();
    std::copy(known.begin(), known.end(), ids.begin());
    const std::size_t taken = ids[0] == lone_space_ ? 1 : 0;
    words_.encode(text.substr(0, blanks - 1 + taken), readable, state);
    for (std::size_t i = taken; i < count; ++i) state.out.push(ids[i]);
    state.after_unknown = false;
  }

  /// `text`, after a blank if asked, as the pieces spell it and as UTF-8.
  void put_right(std::string_view text, bool space_first, std::string& out) const {
    out.assign(space_first ? 1 : 0, ' ');
    while (!text.empty()) {
      const spelled_char next = read_spelled(text);
      if (next.clean) {
        out.append(text.substr(0, next.length));
      } else {
        append_utf8(out, next.code);
      }
      text.remove_prefix(next.length);
    }
  }

  /// Whether pieces of several blanks have nothing after them and merge after everything that begins with one blank.
  [[nodiscard]] bool space_runs_merge_last() const {
    std::uint32_t first_run = bpe_merge::never;
    std::uint32_t last_word = 0;
    bool mixed = false;
    words_.merges().for_each_result([&](std::string_view piece, std::uint32_t priority) {
      if (piece.size() < 2 || piece[0] != ' ') return;
      if (piece.find_first_not_of(' ') == std::string_view::npos) {
        first_run = std::min(first_run, priority);
      } else if (piece[1] == ' ') {
        mixed = true;
      } else {
        last_word = std::max(last_word, priority);
      }
    });
    return !mixed && last_word < first_run;
  }

  word_bpe<Merges> words_;
  bpe_options options_;
  char_pairs joins_;
  /// The pieces of single characters of up to three bytes, by code point.
  std::vector<token_id> characters_ = std::vector<token_id>(0x10000, text_index::none);
  bool detached_runs_ = false;
  std::optional<token_id> lone_space_;
};

}  // namespace tulu::detail
