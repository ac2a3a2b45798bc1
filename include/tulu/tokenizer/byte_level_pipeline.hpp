#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/added_vocabulary.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/byte_alphabet.hpp>
#include <tulu/tokenizer/byte_level_parts.hpp>
#include <tulu/tokenizer/byte_merges.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>
#include <tulu/tokenizer/word_bpe.hpp>
#include <tulu/tokenizer/word_splitter.hpp>

namespace tulu::detail {

/// Byte-level BPE as tokenizers 0.19.1 runs it, without a post-processor: added tokens are taken out of the text, the
/// rest is split into words, and the bytes of each word are merged. To make a tokenizer of it:
///
///     tokenizer{name, mode, pieces, special, std::make_shared<const detail::byte_level_pipeline>(parts)}
class byte_level_pipeline final : public pipeline {
 public:
  explicit byte_level_pipeline(const byte_level_parts& source)
      : name_{source.name},
        words_{make_words(source)},
        splitter_{source.pattern},
        raw_tokens_{tokens_of(source, false)},
        normalized_tokens_{tokens_of(source, true)},
        add_prefix_space_{source.add_prefix_space},
        drops_bytes_{!source.unk_id && !has_all_bytes()},
        special_(source.pieces.size()) {
    for (const added_token& token : source.added_tokens)
      if (token.special) special_[token.id] = true;
    ends_.reserve(source.pieces.size());
    for (token_id id = 0; id < source.pieces.size(); ++id) {
      if (source.pieces.kind(id) == piece_kind::control) special_[id] = true;
      if (!append_bytes_of(texts_, source.pieces.text(id))) texts_.append(source.pieces.text(id));
      ends_.push_back(texts_.size());
      holes_.push_back(source.pieces.kind(id) == piece_kind::unused && source.pieces.text(id).empty());
    }
  }

  void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const override {
    if (!is_utf8(text)) {
      workspace.normalized.clear();
      append_valid_utf8(workspace.normalized, text);
      text = workspace.normalized;
    }
    words_.prepare(workspace);
    const char* const start = text.data();
    raw_tokens_.split(
        text,
        [&](std::string_view part) {
          normalized_tokens_.split(
              part,
              [&](std::string_view piece) { encode_part(piece, at_start || piece.data() != start, out, workspace); },
              [&](token_id id) { out.push(id); });
        },
        [&](token_id id) { out.push(id); });
  }

  void decode(std::span<const token_id> ids, std::string& out) const override {
    for (const token_id id : ids) out += text_of(id);
  }

  void decode_piece(token_id id, std::string& out) const override {
    if (!special_[id]) out += text_of(id);
  }

 private:
  [[nodiscard]] static word_bpe<byte_merges> make_words(const byte_level_parts& source) {
    bpe_options options;
    options.escape_spaces = false;
    options.unk_id = source.unk_id;
    options.fuse_unk = source.fuse_unk;
    vocabulary pieces;  // the model does not know added tokens
    std::vector<bool> added(source.pieces.size());
    for (const token_id id : source.not_in_model) added[id] = true;
    for (token_id id = 0; id < source.pieces.size(); ++id)
      pieces.add(source.pieces.text(id), 0, added[id] ? piece_kind::unused : source.pieces.kind(id));
    return {byte_merges{pieces, source.merges, source.ignore_merges}, options};
  }
  [[nodiscard]] static added_vocabulary tokens_of(const byte_level_parts& source, bool normalized) {
    std::vector<added_token> tokens;
    for (const bool special : {true, false})
      for (const added_token& token : source.added_tokens)
        if (token.special == special && token.normalized == normalized) tokens.push_back(token);
    return added_vocabulary{std::span<const added_token>{tokens}};
  }
  [[nodiscard]] bool has_all_bytes() const noexcept {
    for (unsigned byte = 0; byte < 256; ++byte)
      if (!has_piece(static_cast<char>(byte))) return false;
    return true;
  }
  [[nodiscard]] bool has_piece(char byte) const noexcept {
    return words_.merges().piece_of_byte(byte) != text_index::none;
  }

  /// A part between added tokens, not empty and UTF-8.
  void encode_part(std::string_view part, bool may_prefix, token_sink& out, encode_workspace& workspace) const {
    if (add_prefix_space_ && may_prefix && part[0] != ' ') {
      workspace.segment.assign(1, ' ').append(part);
      part = workspace.segment;
    }
    const char* const end = part.data() + part.size();
    splitter_.split(part, [&](std::string_view word) {
      encode_word(word, static_cast<std::size_t>(end - word.data()), out, workspace);
    });
  }
  void encode_word(std::string_view word, std::size_t readable, token_sink& out, encode_workspace& workspace) const {
    word_bpe<byte_merges>::run state{out, workspace};
    const auto has = [this](char byte) { return has_piece(byte); };
    if (!drops_bytes_ || std::all_of(word.begin(), word.end(), has) || words_.merges().piece_of_word(word))
      return words_.encode(word, readable, state);
    // What stands on the two sides of a byte without a piece may merge. The rest is not the word to look up.
    std::string& known = workspace.chunk;
    known.clear();
    std::copy_if(word.begin(), word.end(), std::back_inserter(known), has);
    words_.encode_by_queue(known, state);
  }

  [[nodiscard]] std::string_view text_of(token_id id) const {
    if (holes_[id])
      throw mismatch_error(name_, "id " + std::to_string(id), "an id of the vocabulary", "one that no piece has");
    const std::size_t begin = id == 0 ? 0 : ends_[id - 1];
    return {texts_.data() + begin, ends_[id] - begin};
  }

  std::string name_;
  word_bpe<byte_merges> words_;
  word_splitter splitter_;
  added_vocabulary raw_tokens_, normalized_tokens_;
  bool add_prefix_space_;
  bool drops_bytes_;   ///< some bytes have no piece and become nothing
  std::string texts_;  ///< of all ids, joined
  std::vector<std::size_t> ends_;
  std::vector<bool> special_, holes_;  ///< by id
};

}  // namespace tulu::detail
