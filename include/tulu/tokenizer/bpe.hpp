#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/char_pairs.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/merge.hpp>
#include <tulu/tokenizer/merge_queue.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>
#include <tulu/tokenizer/word_cache.hpp>

namespace tulu::detail {

/// Byte-pair encoding, exact and in time linear in the text. `Merges` says what merges first: text_merges for
/// SentencePiece, rank_merges for Hugging Face.
///
/// A text is cut where no piece can reach across (char_pairs), and each part is looked up among the words seen before.
/// Parts too long for that are encoded window by window. What holds them together: an encoding is right exactly when
/// each pair of neighbouring tokens is what their joined text encodes to. For the merges within two neighbouring tokens
/// come in the same order, whatever stands around them, and none of them reaches across. So two windows that overlap in
/// a token fit together there.
template <class Merges>
class bpe {
 public:
  bpe(Merges merges, const bpe_options& options) : merges_{std::move(merges)}, options_{options} {
    merges_.for_each_result([this](std::string_view piece, std::uint32_t) { joins_.add_all(piece); });
    if (!merges_.spells_text()) joins_.join_everything();
    merges_.for_each_character([this](std::string_view character, token_id id) {
      const char32_t code = read_utf8(character).code;
      if (code == U' ') lone_space_ = id;
      if (code < characters_.size() && id != options_.unk_id) characters_[code] = id;
    });
    detached_runs_ = lone_space_ && options.escape_spaces && merges_.spells_text() && space_runs_merge_last();
  }

  /// The ids of `text`, any bytes, after a blank if `space_first`. An empty text has none.
  void encode(std::string_view text, bool space_first, token_sink& out, encode_workspace& workspace) const {
    if (text.empty()) return;
    if (workspace.owner != identity_) {
      workspace.short_words.clear();
      workspace.long_words.clear();
      workspace.owner = identity_;
    }
    run state{out, workspace};
    if constexpr (requires { merges_.any_unused(); })
      if (merges_.any_unused()) return encode_with_unused(text, space_first, state);
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
  /// The state of one call.
  struct run {
    token_sink& out;
    encode_workspace& workspace;
    bool after_unknown = false;
  };
  /// A part of a text that nothing merges out of. It is `clean` when it is UTF-8 and spelled like the pieces.
  struct part {
    std::size_t length;
    bool clean;
  };
  static constexpr char32_t escaped_space = 0x2581;
  using short_words = decltype(encode_workspace::short_words);
  using long_words = decltype(encode_workspace::long_words);

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
      if (merges_.piece_of(character)) known.append(character);
      rest.remove_prefix(character.size());
    }
    encode_part(known, state);
  }
  void encode_with_unused(std::string_view text, bool space_first, run& state) const {
    put_right(text, space_first, state.workspace.chunk);
    encode_by_queue(state.workspace.chunk, state);
  }
  void encode_by_queue(std::string_view text, run& state) const {
    merge_queue<Merges> queue{merges_};
    queue.encode(text, [&](const bpe_symbol& symbol) { emit(text, symbol, state); });
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
      emit_unknown(character, state);
    }
  }

  /// A clean part of which `readable` bytes, at least its own, may be read.
  void encode_word(std::string_view word, std::size_t readable, run& state) const {
    if (detached_runs_ && word.size() > 1 && word[0] == ' ' && word[1] == ' ')
      return encode_spaced(word, readable, state);
    encode_whole(word, readable, state);
  }
  void encode_whole(std::string_view word, std::size_t readable, run& state) const {
    if (word.size() <= short_words::longest_word) {
      if (const auto* known = state.workspace.short_words.find(short_words::key_of(word, readable))) {
        state.out.template push_some<short_words::most_ids + 1>(known->ids.data(), known->count());
        state.after_unknown = false;
        return;
      }
    }
    if (const auto known = find_word(word, readable, state.workspace); !known.empty()) {
      for (const token_id id : known) state.out.push(id);
      state.after_unknown = false;
    } else {
      encode_long(word, state);
    }
  }

  /// Two or more blanks and the word after them. Merges of blanks alone come last, so the word with one blank is
  /// encoded first; if that blank stays alone, it belongs to the run.
  void encode_spaced(std::string_view text, std::size_t readable, run& state) const {
    const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    if (blanks == text.size()) return encode_whole(text, readable, state);
    const auto known = find_word(text.substr(blanks - 1), readable - (blanks - 1), state.workspace);
    if (known.empty()) return encode_whole(text, readable, state);
    std::array<token_id, long_words::most_ids> ids;
    const std::size_t count = known.size();
    std::copy(known.begin(), known.end(), ids.begin());
    const std::size_t taken = ids[0] == lone_space_ ? 1 : 0;
    encode_whole(text.substr(0, blanks - 1 + taken), readable, state);
    for (std::size_t i = taken; i < count; ++i) state.out.push(ids[i]);
    state.after_unknown = false;
  }

  /// The ids of a word that a cache can hold, worked out when they are in none; nothing for any other word. They stay
  /// until the next call.
  std::span<const token_id> find_word(std::string_view word, std::size_t readable, encode_workspace& workspace) const {
    if (word.size() > long_words::longest_word) return {};
    if (word.size() <= short_words::longest_word)
      if (const auto* known = workspace.short_words.find(short_words::key_of(word, readable)))
        return {known->ids.data(), known->count()};
    if (const auto* known = workspace.long_words.find(long_words::key_of(word, readable)))
      return {known->ids.data(), known->count()};
    return learn_word(word, readable, workspace);
  }
  std::span<const token_id> learn_word(std::string_view word, std::size_t readable, encode_workspace& workspace) const {
    merge_symbols(merges_, word, workspace.symbols, workspace.merges);
    std::array<token_id, long_words::most_ids> ids{};
    token_sink sink{ids};
    run state{sink, workspace};
    for (const bpe_symbol& symbol : workspace.symbols) {
      emit(word, symbol, state);
      if (state.after_unknown) return {};
    }
    const std::size_t count = sink.count();
    if (count == 0 || count > ids.size()) return {};
    const std::span<const token_id> all{ids.data(), count};
    if (word.size() <= short_words::longest_word && count <= short_words::most_ids)
      return {workspace.short_words.insert(short_words::key_of(word, readable), all)->ids.data(), count};
    return {workspace.long_words.insert(long_words::key_of(word, readable), all)->ids.data(), count};
  }

  /// A clean part of any length, with windows as wide as it takes.
  void encode_long(std::string_view text, run& state) const {
    const std::size_t count = state.out.count();
    const bool after_unknown = state.after_unknown;
    constexpr std::size_t widest = 2048;  // beyond, the queue is quicker
    for (std::size_t width = 64; !encode_windows(text, width, state); width *= 2) {
      state.out.rewind(count);
      state.after_unknown = after_unknown;
      if (width == widest) return encode_by_queue(text, state);
    }
  }
  /// False when two windows do not fit together.
  [[nodiscard]] bool encode_windows(std::string_view text, std::size_t width, run& state) const {
    auto& symbols = state.workspace.symbols;
    merge_window(text, width, symbols, state);
    while (window(text, width).size() < text.size()) {
      const auto fit = find_fit(text, width, state);
      if (!fit) return false;
      for (std::size_t i = 0; i < *fit; ++i) emit(text, symbols[i], state);
      text.remove_prefix(symbols[*fit].begin);
      std::swap(symbols, state.workspace.next_symbols);
    }
    for (const bpe_symbol& symbol : symbols) emit(text, symbol, state);
    return true;
  }
  /// The first `width` bytes of `text`, up to three more to end with a whole character.
  [[nodiscard]] static std::string_view window(std::string_view text, std::size_t width) noexcept {
    while (width < text.size() && is_utf8_trail(text[width])) ++width;
    return text.substr(0, width);
  }
  void merge_window(std::string_view text, std::size_t width, std::vector<bpe_symbol>& symbols, run& state) const {
    merge_symbols(merges_, window(text, width), symbols, state.workspace.merges);
  }
  /// A token in the last quarter of the window from which the next window begins with the same token. That window's
  /// symbols are left in `next_symbols`.
  [[nodiscard]] std::optional<std::size_t> find_fit(std::string_view text, std::size_t width, run& state) const {
    constexpr std::size_t tries = 4;
    const auto& symbols = state.workspace.symbols;
    auto& following = state.workspace.next_symbols;
    for (std::size_t i = 1, tried = 0; i < symbols.size() && tried < tries; ++i) {
      if (symbols[i].begin < width / 4 * 3 || is_utf8_trail(text[symbols[i].begin])) continue;
      ++tried;
      merge_window(text.substr(symbols[i].begin), width, following, state);
      if (following[0].end == symbols[i].end - symbols[i].begin && following[0].id == symbols[i].id) return i;
    }
    return std::nullopt;
  }

  void emit(std::string_view text, const bpe_symbol& symbol, run& state) const {
    const std::optional<token_id> id = merges_.piece_of(text, symbol);
    if (!id || id == options_.unk_id) return emit_unknown(text.substr(symbol.begin, symbol.end - symbol.begin), state);
    state.out.push(*id);
    state.after_unknown = false;
  }
  void emit_unknown(std::string_view character, run& state) const {
    if (options_.byte_fallback) {
      if (character == " " && options_.escape_spaces) character = space_symbol;
      for (const char byte : character) state.out.push(options_.byte_ids[static_cast<unsigned char>(byte)]);
    } else {
      if (options_.unk_id && !(state.after_unknown && options_.fuse_unk)) state.out.push(*options_.unk_id);
      state.after_unknown = true;
    }
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
    merges_.for_each_result([&](std::string_view piece, std::uint32_t priority) {
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

  /// Compared, never read: an address that no other model has as long as a workspace remembers it.
  std::shared_ptr<const void> identity_ = std::make_shared<char>();
  Merges merges_;
  bpe_options options_;
  char_pairs joins_;
  /// The pieces of single characters of up to three bytes, by code point.
  std::vector<token_id> characters_ = std::vector<token_id>(0x10000, text_index::none);
  bool detached_runs_ = false;
  std::optional<token_id> lone_space_;
};

}  // namespace tulu::detail
