#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/tokenizer/byte_trie.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/prefix_matcher.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// SentencePiece's unigram model: of all ways to cut a text into pieces the one with the highest sum of scores, with
/// the arithmetic and the ties of its default encoder. Takes time linear in the text.
///
/// Every way to cut the text passes through some positions (between words, as a rule), so the best way to the first of
/// them is the beginning of the best way, and is handed out there. The memory is for the text between two of them.
class unigram {
 public:
  explicit unigram(const sentencepiece_model& model)
      : unk_id_{model.unk_id}, byte_fallback_{model.byte_fallback}, byte_ids_{model.byte_ids} {
    constexpr float unknown_penalty = 10;
    constexpr double symbol_penalty = 0.1;
    float lowest = std::numeric_limits<float>::max();
    float highest = std::numeric_limits<float>::min();  // sic: not below the smallest positive number
    std::vector<byte_trie::key> keys;
    for (token_id id = 0; id < model.pieces.size(); ++id) {
      const piece_kind kind = model.pieces.kind(id);
      if (kind == piece_kind::normal) {
        lowest = std::min(lowest, model.pieces.score(id));
        highest = std::max(highest, model.pieces.score(id));
      }
      if (kind == piece_kind::normal || kind == piece_kind::user_defined) keys.push_back({model.pieces.text(id), id});
      if (kind == piece_kind::unused) keys.push_back({model.pieces.text(id), byte_trie::none});
    }
    unknown_score_ = lowest - unknown_penalty;
    scores_.resize(model.pieces.size());
    for (token_id id = 0; id < scores_.size(); ++id) {
      const std::string_view text = model.pieces.text(id);
      const std::size_t length = std::min(text.find('\0'), text.size());
      scores_[id] = model.pieces.kind(id) == piece_kind::user_defined
                        ? static_cast<float>(length) * highest - symbol_penalty
                        : model.pieces.score(id);
    }
    trie_ = byte_trie{std::move(keys)};
    longest_ = std::max(longest_character, trie_.depth());
  }

  /// Calls out(id) for the pieces of `text`, which is normalized. An unknown character gives its bytes' pieces if the
  /// model has them, else unknown characters in a row give the unknown piece once.
  template <class Out>
  void encode(std::string_view text, Out&& out, encode_workspace& workspace) const {
    float score = 0;
    bool after_unknown = false;
    while (!text.empty()) {
      const std::size_t length = find_best(text, score, workspace.lattice);
      score = workspace.lattice[length].score;
      emit(text.substr(0, length), workspace.lattice, out, after_unknown);
      text.remove_prefix(length);
    }
  }

 private:
  using lattice = std::vector<unigram_node>;
  static constexpr std::size_t longest_character = 4;

  /// Fills `nodes`, by their distance from the start of `text`, up to the first position that no piece reaches across,
  /// and returns that. `score`: of the best way to the start.
  [[nodiscard]] std::size_t find_best(std::string_view text, float score, lattice& nodes) const {
    std::size_t reached = 0;
    std::size_t at = 0;
    do {
      const std::size_t farthest = at + std::min(text.size() - at, longest_);
      if (nodes.size() <= farthest) nodes.resize(farthest + 1);
      if (at == 0) nodes[0].score = score;
      const std::size_t character = std::min(utf8_length_of_lead(text[at]), text.size() - at);
      if (!add_pieces(text, at, character, reached, nodes.data())) {
        const float unknown = nodes[at].score + unknown_score_;
        improve(node_at(at + character, reached, nodes.data()), at, unknown, unk_id_);
      }
      at += character;
    } while (at != reached);
    return at;
  }

  /// Adds the pieces that begin at `at`. Returns whether one of them has the length of the first character.
  bool add_pieces(std::string_view text, std::size_t at, std::size_t character, std::size_t& reached,
                  unigram_node* nodes) const noexcept {
    const double score = nodes[at].score;
    bool found_character = false;
    byte_trie::node node = byte_trie::root;
    for (std::size_t end = at; end < text.size();) {
      node = trie_.step(node, text[end++]);
      if (node == byte_trie::none) break;
      const token_id id = trie_.value(node);
      if (id == byte_trie::none) continue;
      improve(node_at(end, reached, nodes), at, scores_[id] + score, id);
      found_character = found_character || end - at == character;
    }
    return found_character;
  }

  /// The node at `end`; those after `reached`, which are of an earlier text, become unreached.
  [[nodiscard]] static unigram_node& node_at(std::size_t end, std::size_t& reached, unigram_node* nodes) noexcept {
    for (; reached < end; ++reached) nodes[reached + 1].begin = unigram_node::unreached;
    return nodes[end];
  }

  /// `Score` is double for pieces, float for the unknown piece: SentencePiece compares before it rounds.
  template <class Score>
  static void improve(unigram_node& node, std::size_t begin, Score score, token_id id) noexcept {
    if (node.begin == unigram_node::unreached || score > node.score) node = {begin, static_cast<float>(score), id};
  }

  /// Hands out the best way to the end of `text`. The links of `nodes` are turned round on the way.
  template <class Out>
  void emit(std::string_view text, lattice& nodes, Out& out, bool& after_unknown) const {
    std::size_t end = 0;
    for (std::size_t at = text.size(), next = text.size(); at != 0; at = next) {
      next = nodes[at].begin;
      nodes[at].begin = end;
      end = at;
    }
    for (std::size_t begin = 0; begin != text.size();) {
      const token_id id = nodes[end].id;
      if (id != unk_id_) {
        out(id);
      } else if (byte_fallback_) {
        for (const char byte : text.substr(begin, end - begin)) out(byte_ids_[static_cast<unsigned char>(byte)]);
      } else if (!after_unknown) {
        out(id);
      }
      after_unknown = id == unk_id_;
      begin = end;
      end = nodes[end].begin;
    }
  }

  byte_trie trie_;
  std::size_t longest_ = longest_character;  ///< bytes that a piece or an unknown character may take
  std::vector<double> scores_;               ///< by id
  float unknown_score_;
  token_id unk_id_;
  bool byte_fallback_;
  std::array<token_id, 256> byte_ids_;
};

}  // namespace tulu::detail
