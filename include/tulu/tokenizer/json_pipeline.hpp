#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/added_vocabulary.hpp>
#include <tulu/tokenizer/bpe.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/json_decoder.hpp>
#include <tulu/tokenizer/json_steps.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/rank_merges.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Calls visit(part) for the parts that the pre-tokenizer Split cuts `text`, which is not empty, into.
template <class Visit>
void split_text(std::string_view text, const json_step::split& rule, Visit&& visit) {
  using behavior = json_step::split_behavior;
  std::size_t begun = 0;
  std::size_t end = 0;
  bool last_matches = false;
  const auto flush = [&] {
    if (begun != end && !(rule.behavior == behavior::removed && last_matches)) visit(text.substr(begun, end - begun));
    begun = end;
  };
  const auto joins = [&](bool matches) {
    if (rule.behavior == behavior::merged_with_previous) return matches && !last_matches;
    if (rule.behavior == behavior::merged_with_next) return last_matches && !matches;
    return rule.behavior == behavior::contiguous && matches == last_matches;
  };
  const auto add = [&](std::size_t until, bool is_pattern) {
    if (until == end) return;
    const bool matches = is_pattern != rule.invert;
    if (!joins(matches)) flush();
    end = until;
    last_matches = matches;
  };
  while (end < text.size()) {
    const std::size_t at = std::min(text.find(rule.pattern, end), text.size());
    add(at, false);
    if (at < text.size()) add(at + rule.pattern.size(), true);
  }
  flush();
}

/// Mode hf-fast: the ids and the text that tokenizers 0.19.1 gives with this tokenizer.json and without its
/// post-processor (encode with add_special_tokens=False, decode with skip_special_tokens=False).
///
/// LLaMA's own pipelines, a blank before the text and U+2581 for blanks, need no pass over the text: `direct`.
class json_pipeline final : public pipeline {
 public:
  explicit json_pipeline(const tokenizer_json& source)
      : normalizers_{source.normalizers},
        pre_tokenizers_{source.pre_tokenizers},
        ignore_merges_{source.ignore_merges},
        direct_{find_direct_form()},
        bpe_{make_bpe(source)},
        decoder_{source} {
    add_tokens(source);
    special_.resize(source.pieces.size());
    for (const added_token& token : source.added_tokens) special_[token.id] = token.special;
    if (!ignore_merges_) return;
    pieces_ = model_pieces(source);
    words_ = text_index{pieces_.size()};
    for (token_id id = 0; id < pieces_.size(); ++id)
      if (!pieces_.text(id).empty()) words_.insert(pieces_.text(id), id);
  }

  void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const override {
    std::string mended;
    if (reads_replacements_) {
      mended = replace_invalid_utf8(text);
      text = mended;
    }
    const char* const start = text.data();
    raw_tokens_.split(
        text,
        [&](std::string_view part) {
          const place where = part.data() != start ? place::within : at_start ? place::first : place::continued;
          encode_part(part, where, out, workspace);
        },
        [&](token_id id) { out.push(id); });
  }

  void decode(std::span<const token_id> ids, std::string& out) const override { decoder_.decode(ids, out); }

  void decode_piece(token_id id, std::string& out) const override {
    if (!special_[id]) decoder_.decode_piece(id, out);
  }

 private:
  /// Where a part between added tokens stands: at the start of a text, at the start of one that goes on after other
  /// text, or after a token.
  enum class place : std::uint8_t { first, continued, within };

  /// What a pipeline does that only writes U+2581 for blanks.
  struct direct_form {
    bool prepends = false;  ///< the normalizer Prepend
    json_step::prepend_scheme scheme = json_step::prepend_scheme::never;
  };

  [[nodiscard]] std::optional<direct_form> find_direct_form() const {
    if (ignore_merges_) return std::nullopt;
    direct_form form;
    if (normalizers_.empty()) {
      if (pre_tokenizers_.size() != 1) return std::nullopt;
      const auto* const metaspace = std::get_if<json_step::metaspace>(&pre_tokenizers_[0]);
      if (metaspace == nullptr || metaspace->split || metaspace->replacement != space_symbol) return std::nullopt;
      form.scheme = metaspace->scheme;
      return form;
    }
    bool replaces = false;
    for (const json_step::normalizer& step : normalizers_) {
      const auto* const prepend = std::get_if<json_step::prepend>(&step);
      const auto* const replace = std::get_if<json_step::replace>(&step);
      if (prepend != nullptr) {
        if (prepend->text != space_symbol || form.prepends) return std::nullopt;
        form.prepends = true;
      } else if (replace->pattern == " " && replace->content == space_symbol) {
        replaces = true;
      } else {
        return std::nullopt;
      }
    }
    if (!replaces || !std::all_of(pre_tokenizers_.begin(), pre_tokenizers_.end(), splits_blanks)) return std::nullopt;
    return form;
  }
  /// Whether a step does nothing to a text without blanks.
  [[nodiscard]] static bool splits_blanks(const json_step::pre_tokenizer& step) {
    const auto* const split = std::get_if<json_step::split>(&step);
    return split != nullptr && !split->invert && split->pattern.find(' ') != std::string::npos;
  }

  /// The pieces of the model alone: it does not know added tokens.
  [[nodiscard]] static vocabulary model_pieces(const tokenizer_json& source) {
    vocabulary pieces;
    std::vector<bool> added(source.pieces.size());
    for (const token_id id : source.not_in_model) added[id] = true;
    for (token_id id = 0; id < source.pieces.size(); ++id)
      pieces.add(added[id] ? std::string_view{} : source.pieces.text(id), 0, source.pieces.kind(id));
    return pieces;
  }
  [[nodiscard]] bpe<rank_merges> make_bpe(const tokenizer_json& source) const {
    bpe_options options;
    options.escape_spaces = direct_.has_value();
    options.byte_fallback = source.byte_fallback;
    options.byte_ids = source.byte_ids;
    options.fuse_unk = source.fuse_unk;
    if (!source.byte_fallback) options.unk_id = source.unk_id;
    return {rank_merges{model_pieces(source), source.merges, options}, options};
  }

  void add_tokens(const tokenizer_json& source) {
    std::vector<added_vocabulary::entry> raw, normalized, cores;
    for (const bool special : {true, false}) {
      for (const added_token& token : source.added_tokens) {
        if (token.special != special) continue;
        added_vocabulary::entry entry{token.content, token.id, token.single_word, token.lstrip, token.rstrip};
        if (token.normalized) {
          std::string scratch;
          normalize(true, entry.pattern, scratch);
          if (entry.pattern.empty())
            throw mismatch_error(source.name, "added_tokens", "text left by the normalizer",
                                 "none of " + printable(token.content, 60));
          cores.push_back({core_of(entry.pattern)});
        }
        reads_replacements_ = reads_replacements_ || entry.pattern.find("\xEF\xBF\xBD") != std::string::npos;
        (token.normalized ? normalized : raw).push_back(std::move(entry));
      }
    }
    raw_tokens_ = added_vocabulary{std::move(raw)};
    normalized_tokens_ = added_vocabulary{std::move(normalized)};
    has_cores_ = std::none_of(cores.begin(), cores.end(), [](const auto& core) { return core.pattern.empty(); });
    if (has_cores_) cores_ = added_vocabulary{std::move(cores)};
  }
  /// The longest part of `pattern` without U+2581: it stands in a text whose normalized form contains `pattern`.
  [[nodiscard]] static std::string core_of(std::string_view pattern) {
    std::string_view longest;
    for (;;) {
      const std::size_t at = pattern.find(space_symbol);
      const std::string_view part = pattern.substr(0, at);
      if (part.size() > longest.size()) longest = part;
      if (at == pattern.npos) return std::string{longest};
      pattern.remove_prefix(at + space_symbol.size());
    }
  }

  void encode_part(std::string_view part, place where, token_sink& out, encode_workspace& workspace) const {
    if (direct_ && (normalized_tokens_.empty() || (has_cores_ && !cores_.occurs_in(part)))) {
      const bool prepends = direct_->prepends && where != place::continued;
      const bool prefix = prefixes(direct_->scheme, where) && !has_blank(part);
      return bpe_.encode(part, prepends || prefix, out, workspace);
    }
    workspace.normalized.clear();
    append_valid_utf8(workspace.normalized, part);
    normalize(where != place::continued, workspace.normalized, workspace.chunk);
    const std::string_view normalized = workspace.normalized;
    normalized_tokens_.split(
        normalized,
        [&](std::string_view piece) {
          const place here = piece.data() == normalized.data() ? where : place::within;
          pre_tokenize(0, piece, here, out, workspace);
        },
        [&](token_id id) { out.push(id); });
  }

  /// Whether Metaspace puts a blank before a part that has none.
  [[nodiscard]] static bool prefixes(json_step::prepend_scheme scheme, place where) noexcept {
    if (where == place::continued) return false;
    return scheme == json_step::prepend_scheme::always ||
           (scheme == json_step::prepend_scheme::first && where == place::first);
  }
  /// Whether the normalized form of `part` starts with U+2581.
  [[nodiscard]] static bool has_blank(std::string_view part) noexcept {
    return part.starts_with(' ') || part.starts_with(space_symbol);
  }

  /// Applies the normalizers to `text`; Prepend only if `prepends`.
  void normalize(bool prepends, std::string& text, std::string& scratch) const {
    for (const json_step::normalizer& step : normalizers_) {
      if (const auto* const prepend = std::get_if<json_step::prepend>(&step)) {
        if (prepends && !text.empty()) text.insert(0, prepend->text);
      } else {
        replace_into(text, std::get<json_step::replace>(step), scratch);
        text.swap(scratch);
      }
    }
  }

  /// Runs the pre-tokenizers from number `step` on, then the model. `text` is not empty.
  void pre_tokenize(std::size_t step, std::string_view text, place where, token_sink& out,
                    encode_workspace& workspace) const {
    if (step == pre_tokenizers_.size() || (direct_ && !normalizers_.empty())) return encode_word(text, out, workspace);
    const auto next = [&](std::string_view whole) {
      return [&, whole](std::string_view part) {
        const place here = part.data() == whole.data() ? where : place::within;
        pre_tokenize(step + 1, part, here, out, workspace);
      };
    };
    if (const auto* const split = std::get_if<json_step::split>(&pre_tokenizers_[step]))
      return split_text(text, *split, next(text));
    const auto& rule = std::get<json_step::metaspace>(pre_tokenizers_[step]);
    std::string spaced;
    std::string& buffer = step == 0 ? workspace.segment : spaced;
    replace_into(text, {" ", rule.replacement}, buffer);
    if (prefixes(rule.scheme, where) && !buffer.starts_with(rule.replacement)) buffer.insert(0, rule.replacement);
    if (!rule.split) return next(buffer)(buffer);
    split_text(buffer, {rule.replacement, json_step::split_behavior::merged_with_next, false}, next(buffer));
  }
  void encode_word(std::string_view word, token_sink& out, encode_workspace& workspace) const {
    if (ignore_merges_) {
      if (const token_id id = words_.find(word); id != text_index::none) return out.push(id);
    }
    bpe_.encode(word, false, out, workspace);
  }

  std::vector<json_step::normalizer> normalizers_;
  std::vector<json_step::pre_tokenizer> pre_tokenizers_;
  bool ignore_merges_;
  std::optional<direct_form> direct_;
  vocabulary pieces_;  ///< with ignore_merges: the texts of `words_`
  text_index words_;
  bpe<rank_merges> bpe_;
  json_decoder decoder_;
  added_vocabulary raw_tokens_, normalized_tokens_;
  /// What must stand in a text for a normalized token to be found in it, if anything must (`direct_` only).
  added_vocabulary cores_;
  bool has_cores_ = false;
  bool reads_replacements_ = false;  ///< some token has U+FFFD, which bytes that are not UTF-8 match
  std::vector<bool> special_;        ///< by id
};

}  // namespace tulu::detail
