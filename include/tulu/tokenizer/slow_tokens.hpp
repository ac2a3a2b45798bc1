#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The vocabulary of a slow tokenizer of transformers: the pieces of its SentencePiece model and the tokens round them.
struct slow_tokens {
  /// How decoding takes an id.
  enum class role : std::uint8_t {
    text,      ///< a piece for SentencePiece
    special,   ///< one of all_special_tokens: its text, between parts that SentencePiece decodes
    separate,  ///< an added token: decoded on its own, with blanks between it and its neighbours
    nothing,   ///< an id between others that no token has
  };

  vocabulary pieces;               ///< by id, added tokens included; empty where no token has the id
  std::vector<std::string> words;  ///< the texts that text is split at
  /// What counts as a token where it is a part of a split text; each content once.
  std::vector<added_token> tokens;
  std::vector<role> roles;                     ///< by id
  std::set<std::string, std::less<>> special;  ///< all_special_tokens
  std::map<token_id, token_id> renamed;        ///< pieces that are added tokens under another id
};

/// The steps that the two versions have in common.
class slow_token_builder {
 public:
  slow_token_builder(const tokenizer_config& config, const vocabulary& pieces)
      : config_{config}, pieces_{pieces}, piece_ids_{pieces.size()} {
    for (token_id id = 0; id < pieces.size(); ++id) piece_ids_.insert(pieces.text(id), id);
    for (const named_token& special : config.special_tokens) special_.insert(special.token.content);
  }

 protected:
  /// How many ids without a token there may be.
  static constexpr std::size_t most_unused = 100'000;

  [[nodiscard]] std::optional<token_id> piece_id(std::string_view content) const noexcept {
    const std::uint32_t id = piece_ids_.find(content);
    return id == text_index::none ? std::nullopt : std::optional{id};
  }
  [[nodiscard]] bool is_special(std::string_view content) const { return special_.find(content) != special_.end(); }
  [[noreturn]] void refuse_id(const added_token& token, const std::string& expected) const {
    throw mismatch_error(config_.added_tokens_file.empty() ? config_.folder : config_.added_tokens_file,
                         printable(token.content), expected, "id " + std::to_string(token.id));
  }

  /// The pieces with `added` in their places, and what decoding makes of them: `role_of` says it by their texts.
  template <class RoleOf>
  void fill(slow_tokens& out, const std::map<token_id, added_token>& added, const RoleOf& role_of) const {
    const std::size_t last = added.empty() ? 0 : added.rbegin()->first;
    const std::size_t size = std::max(pieces_.size(), last + 1);
    out.roles.resize(size, slow_tokens::role::nothing);
    auto next = added.begin();
    for (token_id id = 0; id < size; ++id) {
      const bool is_piece = id < pieces_.size();
      const float score = is_piece ? pieces_.score(id) : 0.0f;
      if (next != added.end() && next->first == id) {
        const std::string& text = next++->second.content;
        const piece_kind kind = is_special(text) ? piece_kind::control : piece_kind::user_defined;
        out.pieces.add(text, score, is_piece && pieces_.text(id) == text ? pieces_.kind(id) : kind);
        out.roles[id] = role_of(text);
      } else if (is_piece) {
        out.pieces.add(pieces_.text(id), score, pieces_.kind(id));
        out.roles[id] = role_of(pieces_.text(id));
      } else {
        out.pieces.add("", score, piece_kind::unused);
      }
    }
    out.special = special_;
  }

  const tokenizer_config& config_;
  const vocabulary& pieces_;
  text_index piece_ids_;
  std::set<std::string, std::less<>> special_;
};

/// PreTrainedTokenizerBase._from_pretrained and PreTrainedTokenizer._add_tokens of transformers 4.30.
class legacy_token_builder : slow_token_builder {
 public:
  legacy_token_builder(const tokenizer_config& config, const vocabulary& pieces, token_id unk_id)
      : slow_token_builder{config, pieces}, unk_id_{unk_id}, unk_{config.token("unk_token")} {}

  [[nodiscard]] slow_tokens build() {
    add_from_file();
    std::vector<std::string> all;
    for (const named_token& special : config_.special_tokens) all.push_back(special.token.content);
    add(all, true);
    return result();
  }

 private:
  [[nodiscard]] std::size_t size() const noexcept { return pieces_.size() + added_.size(); }
  [[nodiscard]] token_id id_of(const std::string& content) const {
    if (const auto found = added_.find(content); found != added_.end()) return found->second;
    return piece_id(content).value_or(unk_id_);
  }

  /// Text is split at `names`, at those that are no special tokens only when they are new: not pieces.
  void add(const std::vector<std::string>& names, bool special) {
    const std::size_t before = size();
    std::map<std::string, token_id, std::less<>> fresh;
    for (const std::string& name : names) {
      const bool known = !unk_ || name == *unk_ || id_of(name) != id_of(*unk_);
      if (!known) fresh.try_emplace(name, static_cast<token_id>(before + fresh.size()));
      if (special || !known) split_.insert(name);
    }
    added_.merge(fresh);
  }
  /// The ids of added_tokens.json must be those that adding its tokens one after the other gives. They are added in
  /// batches of special and other tokens; within a batch, a token that is a piece already counts as if it were new.
  void add_from_file() {
    std::vector<added_token> tokens = config_.added_tokens;
    std::sort(tokens.begin(), tokens.end(), [](const added_token& a, const added_token& b) { return a.id < b.id; });
    std::vector<std::string> batch;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::size_t due = size() + batch.size();
      if (tokens[i].id != due) refuse_id(tokens[i], "id " + std::to_string(due) + ", the next one");
      const bool changes = i > 0 && is_special(tokens[i].content) != is_special(tokens[i - 1].content);
      if (changes) add(std::exchange(batch, {}), is_special(tokens[i - 1].content));
      batch.push_back(tokens[i].content);
    }
    if (!batch.empty()) add(batch, is_special(tokens.back().content));
  }
  [[nodiscard]] slow_tokens result() const {
    std::map<std::string, added_token> flags;
    for (const named_token& special : config_.special_tokens)
      if (!special.token.plain_string) flags.insert_or_assign(special.token.content, special.token);
    slow_tokens out;
    for (const std::string& content : split_) {
      const auto given = flags.find(content);
      added_token token = given != flags.end() ? given->second : added_token{.content = content, .plain_string = true};
      token.id = id_of(content);
      token.special = is_special(content);
      out.tokens.push_back(std::move(token));
      out.words.push_back(content);
    }
    std::map<token_id, added_token> added;
    for (const auto& [content, id] : added_) added[id] = {.content = content, .id = id};
    fill(out, added, [this](std::string_view text) {
      if (added_.find(text) != added_.end()) return slow_tokens::role::separate;
      return is_special(text) ? slow_tokens::role::special : slow_tokens::role::text;
    });
    return out;
  }

  token_id unk_id_;
  std::optional<std::string> unk_;
  std::map<std::string, token_id, std::less<>> added_;
  std::set<std::string> split_;
};

/// PreTrainedTokenizer.__init__ and _add_tokens of transformers 4.40.
class new_token_builder : slow_token_builder {
 public:
  using slow_token_builder::slow_token_builder;

  [[nodiscard]] slow_tokens build() {
    for (const added_token& token : config_.added_tokens) {
      if (token.id > pieces_.size() + config_.added_tokens.size() + most_unused)
        refuse_id(token, "an id near those of the " + std::to_string(pieces_.size()) + " pieces");
      by_id_.insert_or_assign(token.id, token);
      ids_[token.content] = token.id;
    }
    add_special();
    return result();
  }

 private:
  /// The special tokens that no file gives an id: that of their piece, else the next free one. len(get_vocab()) is
  /// where transformers starts; it may hit an id of the files, whose token then loses its id's text and its flags.
  void add_special() {
    auto next = static_cast<token_id>(ids_.size());
    for (token_id id = 0; id < pieces_.size(); ++id)
      next += !by_id_.contains(id) && ids_.find(pieces_.text(id)) == ids_.end();
    std::set<std::string> seen;
    for (const named_token& special : config_.special_tokens) {
      const added_token& token = special.token;
      if (!seen.insert(token.content).second) continue;
      const auto given = ids_.find(token.content);
      if (given != ids_.end() && token.plain_string) continue;
      const auto piece = piece_id(token.content);
      const bool is_piece = piece && !by_id_.contains(*piece);
      const token_id id = given != ids_.end() ? given->second : is_piece ? *piece : next++;
      added_token& placed = by_id_[id];
      placed = token;
      placed.id = id;
      placed.special = true;
      ids_[token.content] = id;
    }
  }
  [[nodiscard]] slow_tokens result() const {
    std::set<std::string, std::less<>> additional;
    for (const named_token& special : config_.special_tokens)
      if (special.key == special_token_keys[7]) additional.insert(special.token.content);
    slow_tokens out;
    for (const auto& [content, id] : ids_) {
      out.tokens.push_back(by_id_.at(id));
      out.tokens.back().content = content;
    }
    for (const auto& [id, token] : by_id_) out.words.push_back(token.content);
    if (config_.split_special_tokens) {
      out.words.clear();
      out.tokens.clear();
    }
    fill(out, by_id_, [&](std::string_view text) {
      const bool special = is_special(text);
      const auto given = ids_.find(text);
      const bool beyond = special && given->second >= pieces_.size() && additional.find(text) != additional.end();
      if (given != ids_.end() && (!special || beyond)) return slow_tokens::role::separate;
      return special ? slow_tokens::role::special : slow_tokens::role::text;
    });
    for (const auto& [content, id] : ids_)
      if (const auto piece = piece_id(content); piece && *piece != id) out.renamed[*piece] = id;
    return out;
  }

  std::map<token_id, added_token> by_id_;
  std::map<std::string, token_id, std::less<>> ids_;
};

/// The tokens of a slow tokenizer of transformers 4.30 (mode hf-legacy) or 4.40 (else). Throws when an id of the files
/// cannot be: in mode hf-legacy one that is not the next, else one far from all others.
[[nodiscard]] inline slow_tokens make_slow_tokens(const tokenizer_config& config, const vocabulary& pieces,
                                                  token_id unk_id, tokenizer_mode mode) {
  if (mode == tokenizer_mode::hf_legacy) return legacy_token_builder{config, pieces, unk_id}.build();
  return new_token_builder{config, pieces}.build();
}

}  // namespace tulu::detail
