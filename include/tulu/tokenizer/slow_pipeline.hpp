#pragma once

#include <cstddef>
#include <forward_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/python_space.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/slow_pipeline_base.hpp>
#include <tulu/tokenizer/slow_tokens.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Mode hf-legacy: LlamaTokenizer of transformers 4.30. Each part between tokens is a text of its own for
/// SentencePiece, with a dummy prefix. Whitespace on both sides of a token given as a plain string is dropped; an
/// AddedToken says by lstrip and rstrip what it drops.
class hf_legacy_pipeline final : public slow_pipeline {
 public:
  hf_legacy_pipeline(const sentencepiece_model& model, const tokenizer_config& config)
      : slow_pipeline{model, config, make_slow_tokens(config, model.pieces, model.unk_id, tokenizer_mode::hf_legacy)} {}

  void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const override {
    split(text, workspace);
    const std::span<std::string_view> parts{workspace.parts};
    strip(parts);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (const added_token* const token = find_token(parts[i])) {
        out.push(token->id);
      } else if (!parts[i].empty()) {
        sentencepiece().encode(parts[i], at_start || i > 0, out, workspace);
      }
    }
  }

 private:
  void strip(std::span<std::string_view> parts) const noexcept {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const added_token* const token = find_token(parts[i]);
      if (token == nullptr) continue;
      if (i + 1 < parts.size() && (token->rstrip || token->plain_string)) parts[i + 1] = strip_left(parts[i + 1]);
      if (i > 0 && (token->lstrip || token->plain_string)) parts[i - 1] = strip_right(parts[i - 1]);
    }
  }
  void decode_group(std::span<const token_id> ids, std::string& out) const override {
    bool after_special = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const bool special = role_of(ids[i]) == role::special;
      if (special) {
        // The blank that is meant for before the token goes before the text.
        if (!after_special && i > 0) out += ' ';
        sentencepiece().decode(ids.subspan(begin, i - begin), out);
        out.append(pieces().text(ids[i]));
        begin = i + 1;
      }
      after_special = special;
    }
    sentencepiece().decode(ids.subspan(begin), out);
  }
  [[nodiscard]] bool drops_empty_groups() const noexcept override { return false; }
};

/// Mode hf: LlamaTokenizer of transformers 4.40 with legacy=False. The text as a whole gets a prefix U+2581, which is
/// dropped before a special token; SentencePiece adds none. U+2581 in the text is a blank.
class hf_pipeline final : public slow_pipeline {
 public:
  hf_pipeline(const sentencepiece_model& model, const tokenizer_config& config)
      : slow_pipeline{without_prefix(model), config,
                      make_slow_tokens(config, model.pieces, model.unk_id, tokenizer_mode::hf)},
        prefix_{config.add_prefix_space},
        removes_spaces_{model.normalization.remove_extra_whitespaces},
        unk_{config.token("unk_token").value_or("")},
        independent_{is_independent(model, unk_)} {
    encode_workspace workspace;
    unk_length_ = count(unk_, workspace);
    for (token_id id = 0; id < model.pieces.size(); ++id) special_pieces_ = special_pieces_ || gives_special(id);
    for (const added_token& token : tokens())
      marked_ = marked_ || token.content.find(space_symbol) != std::string::npos;
  }

  void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const override {
    if (text.empty()) return;
    if (!at_start || !special_pieces_) return encode_split(text, at_start, at_start, out, workspace);
    const auto encoded = [&](bool may_drop) {
      token_sink counted{{}};
      encode_split(text, true, may_drop, counted, workspace);
      std::vector<token_id> ids(counted.count());
      token_sink sink{ids};
      encode_split(text, true, may_drop, sink, workspace);
      return ids;
    };
    const std::vector<token_id> ids = encoded(true);
    const bool drop = ids.size() > 1 && pieces().text(ids[0]) == space_symbol && gives_special(ids[1]) &&
                      ids.size() == encoded(false).size();
    for (std::size_t i = drop ? 1 : 0; i < ids.size(); ++i) out.push(ids[i]);
  }

 private:
  /// Whether `id` is a special token that SentencePiece may give, as one of its pieces.
  [[nodiscard]] bool gives_special(token_id id) const {
    const piece_kind kind = pieces().kind(id);
    return kind != piece_kind::control && kind != piece_kind::unknown && is_special(pieces().text(id));
  }
  /// With `may_drop`, the blank before everything is left out when it is a token of its own before a special one.
  void encode_split(std::string_view text, bool at_start, bool may_drop, token_sink& out,
                    encode_workspace& workspace) const {
    const bool prefix = at_start && prefix_;
    if (!marked_ && text.find(space_symbol) == std::string_view::npos) {
      if (!split(text, workspace)) return encode_text(text, prefix, out, workspace);
    }
    put_right(text, prefix, workspace.segment);
    split(workspace.segment, workspace);
    std::forward_list<std::string> joined;
    strip(workspace.parts, joined);
    encode_parts(workspace.parts, may_drop, out, workspace);
  }
  [[nodiscard]] static sentencepiece_model without_prefix(sentencepiece_model model) {
    model.normalization.add_dummy_prefix = false;
    return model;
  }
  static void put_right(std::string_view text, bool prefix, std::string& out) {
    out.assign(prefix ? space_symbol : "");
    for (std::size_t at; (at = text.find(space_symbol)) != std::string_view::npos;) {
      out.append(text.substr(0, at)).append(1, ' ');
      text.remove_prefix(at + space_symbol.size());
    }
    out.append(text);
  }

  /// A token may drop whitespace beside it. A single word that has something other than a blank beside it is text,
  /// which may have to be joined from parts: those are kept in `joined`.
  void strip(std::span<std::string_view> parts, std::forward_list<std::string>& joined) const {
    const auto join = [&joined](std::string_view left, std::string_view right) {
      return std::string_view{joined.emplace_front(std::string{left}.append(right))};
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const added_token* const token = find_token(parts[i]);
      if (token == nullptr) continue;
      const std::string_view left = i > 0 ? parts[i - 1] : std::string_view{};
      const std::string_view right = i + 1 < parts.size() ? parts[i + 1] : std::string_view{};
      if (token->rstrip && !right.empty()) parts[i + 1] = strip_left(right);
      if (token->lstrip && !left.empty()) parts[i - 1] = strip_right(left);
      if (!token->single_word) continue;
      if (!left.empty() && left.back() != ' ') {
        parts[i - 1] = join(parts[i - 1], parts[i]);
        parts[i] = {};
      } else if (!right.empty() && right.front() != ' ') {
        parts[i + 1] = join(parts[i], parts[i + 1]);
        parts[i] = {};
      }
    }
  }
  void encode_parts(std::span<const std::string_view> parts, bool may_drop, token_sink& out,
                    encode_workspace& workspace) const {
    const std::size_t begin = out.count();
    bool after_blank = false;  // the only token so far is a blank
    for (const std::string_view part : parts) {
      if (part.empty()) continue;
      const added_token* const token = find_token(part);
      const std::size_t before = out.count();
      if (token == nullptr) {
        encode_text(part, false, out, workspace);
      } else {
        if (may_drop && after_blank && is_special(part)) {
          out.rewind(begin);
          may_drop = false;
        }
        out.push(token->id);
      }
      const bool blank = part == space_symbol || (token == nullptr && part == " ");
      if (out.count() != before) after_blank = blank && before == begin && out.count() == begin + 1;
    }
  }
  /// The ids of a part without tokens, after a blank if `prefix`. What starts with a blank is encoded after the unknown
  /// token, whose pieces are left out then: a detour where nothing merges with them.
  void encode_text(std::string_view text, bool prefix, token_sink& out, encode_workspace& workspace) const {
    const bool after_unknown = prefix || text.starts_with(' ') || text.starts_with(space_symbol);
    const bool direct = independent_ || !after_unknown;
    if (direct && renamed().empty()) return sentencepiece().encode_with_prefix(text, prefix, out, workspace);
    std::string whole = after_unknown ? unk_ : "";
    whole.append(prefix ? space_symbol : "").append(text);
    std::vector<token_id> ids(count(whole, workspace));
    token_sink sink{ids};
    sentencepiece().encode_with_prefix(whole, false, sink, workspace);
    for (std::size_t i = after_unknown && ids.size() >= unk_length_ ? unk_length_ : 0; i < ids.size(); ++i) {
      const auto other = renamed().find(ids[i]);
      out.push(other == renamed().end() ? ids[i] : other->second);
    }
  }
  [[nodiscard]] std::size_t count(std::string_view text, encode_workspace& workspace) const {
    token_sink sink{{}};
    sentencepiece().encode_with_prefix(text, false, sink, workspace);
    return sink.count();
  }
  /// Whether a text that starts with a blank has the same ids after `unk` as alone: the normalizer changes neither, and
  /// no piece reaches from the last character of `unk` to a blank, so BPE merges nothing across.
  [[nodiscard]] static bool is_independent(const sentencepiece_model& model, std::string_view unk) {
    const sentencepiece_model::normalizer& rules = model.normalization;
    if (model.type != sentencepiece_model::algorithm::bpe || !rules.precompiled_charsmap.empty() ||
        rules.remove_extra_whitespaces || !rules.escape_whitespaces || model.treat_whitespace_as_suffix || unk.empty())
      return false;
    std::size_t last = unk.size() - 1;
    while (last > 0 && is_utf8_trail(unk[last])) --last;
    const std::string_view before = unk.substr(last);
    const std::string across = std::string{before}.append(space_symbol);
    bool known = model.byte_fallback;
    for (token_id id = 0; id < model.pieces.size(); ++id) {
      if (model.pieces.text(id).find(across) != std::string_view::npos) return false;
      known = known || model.pieces.text(id) == before;
    }
    return known && before != " ";
  }

  void decode_group(std::span<const token_id> ids, std::string& out) const override {
    std::size_t begin = 0;
    std::size_t next = 0;
    bool special_first = role_of(ids[0]) == role::special;
    bool in_text = false;
    if (const std::string_view first = pieces().text(ids[0]); prefix_ && first.starts_with(space_symbol)) {
      const std::string_view rest = first.substr(space_symbol.size());
      special_first = is_special(rest);
      const std::size_t before = out.size();
      decode_stripped(rest, special_first, out);
      in_text = !special_first && out.size() > before;
      begin = next = 1;
    }
    for (; next < ids.size(); ++next) {
      const std::string_view text = pieces().text(ids[next]);
      if (role_of(ids[next]) == role::special) {
        decode_run(ids.subspan(begin, next - begin), std::exchange(in_text, false), out);
        out.append(text);
        begin = next + 1;
      } else if (next == 1 && special_first && prefix_ && !text.starts_with(space_symbol)) {
        out += ' ';
      }
    }
    decode_run(ids.subspan(begin), in_text, out);
  }
  /// The first token of a group without its U+2581: SentencePiece looks that text up among the pieces.
  void decode_stripped(std::string_view text, bool special, std::string& out) const {
    const auto id = id_of(text);
    if (special || !id || role_of(*id) != role::text) {
      out.append(text);
    } else {
      sentencepiece().decode({&*id, 1}, out);
    }
  }
  void decode_run(std::span<const token_id> ids, bool in_text, std::string& out) const {
    if (!in_text || !removes_spaces_) return sentencepiece().decode(ids, out);
    for (const token_id id : ids) sentencepiece().decode_piece(id, out);
  }
  [[nodiscard]] bool drops_empty_groups() const noexcept override { return true; }

  bool prefix_;
  bool removes_spaces_;
  std::string unk_;
  bool independent_;
  std::size_t unk_length_ = 0;
  bool special_pieces_ = false;  ///< whether SentencePiece may give a special token
  bool marked_ = false;          ///< whether a token contains U+2581
};

/// The pipeline of mode hf-legacy, or else of hf, for `model` with the tokens that `config`, read for the same mode,
/// names. Throws when their ids cannot be, see make_slow_tokens.
[[nodiscard]] inline std::unique_ptr<const slow_pipeline> make_slow_pipeline(const sentencepiece_model& model,
                                                                             const tokenizer_config& config,
                                                                             tokenizer_mode mode) {
  if (mode == tokenizer_mode::hf_legacy) return std::make_unique<const hf_legacy_pipeline>(model, config);
  return std::make_unique<const hf_pipeline>(model, config);
}

}  // namespace tulu::detail
