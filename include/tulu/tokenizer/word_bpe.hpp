#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/merge.hpp>
#include <tulu/tokenizer/merge_queue.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>
#include <tulu/tokenizer/word_cache.hpp>

namespace tulu::detail {

/// Byte-pair encoding of words, texts that no merge reaches out of. Words seen before are looked up; those too long for
/// that are encoded window by window.
///
/// What holds windows together: an encoding is right exactly when each pair of neighbouring tokens is what their joined
/// text encodes to. For the merges within two neighbouring tokens come in the same order, whatever stands around them,
/// and none of them reaches across. So two windows that overlap in a token fit together there.
template <class Merges>
class word_bpe {
 public:
  /// The state of one call.
  struct run {
    token_sink& out;
    encode_workspace& workspace;
    bool after_unknown = false;
  };

  word_bpe(Merges merges, const bpe_options& options) : merges_{std::move(merges)}, options_{options} {}

  [[nodiscard]] const Merges& merges() const noexcept { return merges_; }

  /// To be called before words are encoded: `workspace` forgets the words of other models.
  void prepare(encode_workspace& workspace) const {
    if (workspace.owner == identity_) return;
    workspace.short_words.clear();
    workspace.long_words.clear();
    workspace.owner = identity_;
  }

  /// The ids of `word`, spelled like the pieces, of which `readable` bytes, at least its own, may be read.
  void encode(std::string_view word, std::size_t readable, run& state) const {
    if (word.size() <= short_words::longest_word) {
      if (const auto* known = state.workspace.short_words.find(short_words::key_of(word, readable))) {
        state.out.template push_some<short_words::most_ids + 1>(known->ids.data(), known->count());
        state.after_unknown = false;
        return;
      }
    }
    if (const auto known = find(word, readable, state.workspace); !known.empty()) {
      for (const token_id id : known) state.out.push(id);
      state.after_unknown = false;
    } else if (const auto whole = piece_of_word(word)) {
      state.out.push(*whole);
      state.after_unknown = false;
    } else {
      encode_long(word, readable, state);
    }
  }

  /// The ids of a word that a cache can hold, worked out when they are in none; nothing for any other word. They stay
  /// until the next call.
  std::span<const token_id> find(std::string_view word, std::size_t readable, encode_workspace& workspace) const {
    return find_as<extent::word>(word, readable, workspace);
  }

  /// A text of any length, as a whole.
  void encode_by_queue(std::string_view text, run& state) const {
    merge_queue<Merges> queue{merges_};
    queue.encode(text, [&](const bpe_symbol& symbol) { emit(text, symbol, state); });
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

  /// As many ids as a word may have that `find` finds.
  static constexpr std::size_t most_ids = decltype(encode_workspace::long_words)::most_ids;

 private:
  using short_words = decltype(encode_workspace::short_words);
  using long_words = decltype(encode_workspace::long_words);

  /// Merges of bytes cut words further. A part of a word may have other ids than the same text as a word, which may be
  /// a piece without merges, and is remembered by itself.
  enum class extent : std::uint8_t { word, part };
  static constexpr bool cuts_words = requires(const Merges& merges, std::string_view text) { merges.first_part(text); };

  template <class Words, extent What>
  [[nodiscard]] static typename Words::key key_of(std::string_view text, std::size_t readable) noexcept {
    return What == extent::word ? Words::key_of(text, readable) : Words::part_key_of(text, readable);
  }
  template <extent What>
  std::span<const token_id> find_as(std::string_view text, std::size_t readable, encode_workspace& workspace) const {
    if (text.size() > long_words::longest_word) return {};
    if (text.size() <= short_words::longest_word)
      if (const auto* known = workspace.short_words.find(key_of<short_words, What>(text, readable)))
        return {known->ids.data(), known->count()};
    if (const auto* known = workspace.long_words.find(key_of<long_words, What>(text, readable)))
      return {known->ids.data(), known->count()};
    return learn_as<What>(text, readable, workspace);
  }
  template <extent What>
  std::span<const token_id> learn_as(std::string_view text, std::size_t readable, encode_workspace& workspace) const {
    std::array<token_id, most_ids> ids{};
    token_sink sink{ids};
    if (!(What == extent::word ? work_out_word(text, readable, sink, workspace) : work_out(text, sink, workspace)))
      return {};
    const std::size_t count = sink.count();
    if (count == 0 || count > ids.size()) return {};
    const std::span<const token_id> all{ids.data(), count};
    if (text.size() <= short_words::longest_word && count <= short_words::most_ids)
      return {workspace.short_words.insert(key_of<short_words, What>(text, readable), all)->ids.data(), count};
    return {workspace.long_words.insert(key_of<long_words, What>(text, readable), all)->ids.data(), count};
  }

  /// The ids of a word that a cache can hold. False when something of it is unknown.
  bool work_out_word(std::string_view word, std::size_t readable, token_sink& out, encode_workspace& workspace) const {
    if (const auto whole = piece_of_word(word)) {
      out.push(*whole);
      return true;
    }
    if constexpr (cuts_words) {
      if (merges_.first_part(word) < word.size())
        return for_each_part(word, readable, [&](std::string_view part, std::size_t rest) {
          const auto ids = find_as<extent::part>(part, rest, workspace);
          for (const token_id id : ids) out.push(id);
          return !ids.empty();
        });
    }
    return work_out(word, out, workspace);
  }
  /// Calls visit(part, readable) for the parts of a word until that returns false.
  template <class Visit>
  bool for_each_part(std::string_view word, std::size_t readable, Visit&& visit) const {
    while (!word.empty()) {
      const std::size_t length = merges_.first_part(word);
      if (!visit(word.substr(0, length), readable)) return false;
      word.remove_prefix(length);
      readable -= length;
    }
    return true;
  }
  bool work_out(std::string_view text, token_sink& out, encode_workspace& workspace) const {
    merge_symbols(merges_, text, workspace.symbols, workspace.merges);
    run state{out, workspace};
    for (const bpe_symbol& symbol : workspace.symbols) {
      emit(text, symbol, state);
      if (state.after_unknown) return false;
    }
    return true;
  }
  [[nodiscard]] std::optional<token_id> piece_of_word(std::string_view word) const noexcept {
    if constexpr (requires { merges_.piece_of_word(word); }) return merges_.piece_of_word(word);
    return std::nullopt;
  }

  /// A word that no cache can hold.
  void encode_long(std::string_view word, std::size_t readable, run& state) const {
    if constexpr (cuts_words) {
      for_each_part(word, readable, [&](std::string_view part, std::size_t rest) {
        const auto ids = find_as<extent::part>(part, rest, state.workspace);
        for (const token_id id : ids) state.out.push(id);
        if (ids.empty()) {
          encode_in_windows(part, state);
        } else {
          state.after_unknown = false;
        }
        return true;
      });
    } else {
      encode_in_windows(word, state);
    }
  }
  /// A word of any length, with windows as wide as it takes.
  void encode_in_windows(std::string_view text, run& state) const {
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

  /// Compared, never read: an address that no other model has as long as a workspace remembers it.
  std::shared_ptr<const void> identity_ = std::make_shared<char>();
  Merges merges_;
  bpe_options options_;
};

}  // namespace tulu::detail
