#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/slow_tokens.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/token_trie.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// What the slow LlamaTokenizers of transformers 4.30 and 4.40 have in common: text is split at tokens, and
/// SentencePiece does what is between them. Decoding is that of `decode` with its default arguments, but byte pieces
/// give their bytes.
class slow_pipeline : public pipeline {
 public:
  /// The pieces by id, added tokens included; empty where no token has the id.
  [[nodiscard]] const vocabulary& pieces() const noexcept { return tokens_.pieces; }
  /// The tokens that are found in text as a whole.
  [[nodiscard]] std::span<const added_token> tokens() const noexcept { return tokens_.tokens; }
  /// The id of a piece or an added token by its text.
  [[nodiscard]] std::optional<token_id> id_of(std::string_view text) const noexcept {
    const std::uint32_t id = ids_.find(text);
    return id == text_index::none ? std::nullopt : std::optional{id};
  }

  /// Throws for an id between others that no token has.
  void decode(std::span<const token_id> ids, std::string& out) const final {
    if (!clean_up_) return join(ids, out);
    std::string text;
    join(ids, text);
    clean_up(text);
    out += text;
  }
  void decode_piece(token_id id, std::string& out) const final {
    if (role_of(id) == role::text) {
      sentencepiece_.decode_piece(id, out);
    } else if (!is_special(pieces().text(id))) {
      out.append(pieces().text(id));
    }
  }

 protected:
  using role = slow_tokens::role;

  slow_pipeline(const sentencepiece_model& model, const tokenizer_config& config, slow_tokens tokens)
      : sentencepiece_{model},
        tokens_{std::move(tokens)},
        name_{model.name},
        clean_up_{config.clean_up_tokenization_spaces} {
    for (const std::string& word : tokens_.words) trie_.add(word);
    ids_ = text_index{pieces().size()};
    for (std::size_t i = 0; i < tokens_.tokens.size(); ++i) {
      const added_token& token = tokens_.tokens[i];
      split_.insert(token.content, static_cast<std::uint32_t>(i));
      ids_.insert(token.content, token.id);
      longest_ = std::max(longest_, token.content.size());
    }
    for (token_id id = 0; id < pieces().size(); ++id) ids_.insert(pieces().text(id), id);
  }

  /// The token that `part` of a text is, or null.
  [[nodiscard]] const added_token* find_token(std::string_view part) const noexcept {
    if (part.empty() || part.size() > longest_) return nullptr;
    const std::uint32_t at = split_.find(part);
    return at == text_index::none ? nullptr : &tokens_.tokens[at];
  }
  /// True when there is a token in `text`.
  bool split(std::string_view text, encode_workspace& workspace) const {
    return trie_.split(text, workspace.parts, workspace.trie_states);
  }
  [[nodiscard]] role role_of(token_id id) const noexcept { return tokens_.roles[id]; }
  [[nodiscard]] bool is_special(std::string_view text) const {
    return tokens_.special.find(text) != tokens_.special.end();
  }
  [[nodiscard]] const std::map<token_id, token_id>& renamed() const noexcept { return tokens_.renamed; }
  [[nodiscard]] const sentencepiece_pipeline& sentencepiece() const noexcept { return sentencepiece_; }

 private:
  /// The text of ids none of which is a separate token.
  virtual void decode_group(std::span<const token_id> ids, std::string& out) const = 0;
  /// Whether a group of no text before a separate token counts as nothing, not as an empty text with a blank after it.
  [[nodiscard]] virtual bool drops_empty_groups() const noexcept = 0;

  /// Groups and separate tokens with a blank between any two of them.
  void join(std::span<const token_id> ids, std::string& out) const {
    bool first = true;
    for (std::size_t at = 0; at < ids.size();) {
      const std::size_t before = out.size();
      if (!first) out += ' ';
      const std::size_t begin = out.size();
      const std::size_t end = group_end(ids, at);
      if (end == at) {
        out.append(pieces().text(ids[at++]));
        first = false;
        continue;
      }
      decode_group(ids.subspan(at, end - at), out);
      at = end;
      if (drops_empty_groups() && out.size() == begin && at < ids.size()) {
        out.resize(before);
      } else {
        first = false;
      }
    }
  }
  [[nodiscard]] std::size_t group_end(std::span<const token_id> ids, std::size_t at) const {
    for (; at < ids.size() && role_of(ids[at]) != role::separate; ++at)
      if (role_of(ids[at]) == role::nothing)
        throw mismatch_error(name_, "id " + std::to_string(ids[at]), "a token", "none with this id");
    return at;
  }
  /// PreTrainedTokenizerBase.clean_up_tokenization.
  static void clean_up(std::string& text) {
    constexpr std::array<std::string_view, 10> changes[] = {
        {" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"},
        {".", "?", "!", ",", "'", "n't", "'m", "'s", "'ve", "'re"}};
    for (std::size_t i = 0; i < changes[0].size(); ++i) {
      std::string changed;
      std::size_t done = 0;
      for (std::size_t at; (at = text.find(changes[0][i], done)) != std::string::npos; done = at + changes[0][i].size())
        changed.append(text, done, at - done).append(changes[1][i]);
      text = changed.append(text, done, std::string::npos);
    }
  }

  sentencepiece_pipeline sentencepiece_;
  slow_tokens tokens_;
  std::string name_;
  bool clean_up_;
  token_trie trie_;
  text_index split_;  ///< the places in tokens_.tokens
  text_index ids_;    ///< of all pieces and tokens
  std::size_t longest_ = 0;
};

}  // namespace tulu::detail
