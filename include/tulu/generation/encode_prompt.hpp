#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/chat/segment.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The token that is spelled `text`, if there is one.
[[nodiscard]] inline std::optional<token_id> find_token(const tokenizer& tokens, std::string_view text) {
  const vocabulary& pieces = tokens.pieces();
  for (token_id id = 0; !text.empty() && id < pieces.size(); ++id)
    if (pieces.text(id) == text && pieces.kind(id) != piece_kind::unused) return id;
  return std::nullopt;
}

namespace detail {

/// Turns the segments of one prompt into ids. See encode_prompt.
class prompt_encoder {
 public:
  explicit prompt_encoder(const tokenizer& tokens) : tokens_{tokens} {}

  [[nodiscard]] std::vector<token_id> encode(std::span<const chat::segment> segments) {
    const std::vector<part> parts = resolve(segments);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].id) {
        ids_.push_back(*parts[i].id);
      } else {
        encode_text(parts[i].text, i > 0 ? &parts[i - 1] : nullptr, i + 1 < parts.size() ? &parts[i + 1] : nullptr);
      }
    }
    return std::move(ids_);
  }

 private:
  /// Text, or a token; its text is then what the tokenizer reads as the token, empty when there is no such thing.
  struct part {
    std::optional<token_id> id;
    std::string text;
  };

  [[nodiscard]] std::vector<part> resolve(std::span<const chat::segment> segments) {
    using enum chat::segment_kind;
    std::vector<part> parts;
    for (const chat::segment& each : segments) {
      if (const auto id = token_of(each)) {
        parts.push_back({*id, each.kind == bos || each.kind == start ? "" : spelling(*id)});
      } else if (each.kind == bos || each.kind == eos || each.kind == start) {
        continue;
      } else if (!parts.empty() && !parts.back().id) {
        parts.back().text.append(each.text);
      } else {
        parts.push_back({std::nullopt, each.text});
      }
    }
    return parts;
  }
  [[nodiscard]] std::optional<token_id> token_of(const chat::segment& each) {
    using enum chat::segment_kind;
    if (each.kind == text) return std::nullopt;
    const auto [known, fresh] = ids_of_segments_.try_emplace({each.kind, each.text});
    if (fresh) known->second = find_token_of(each);
    return known->second;
  }
  [[nodiscard]] std::optional<token_id> find_token_of(const chat::segment& each) const {
    using enum chat::segment_kind;
    const special_tokens& model = tokens_.special();
    if (each.kind == bos) return model.bos;
    if (each.kind == eos) return model.eos;
    if (each.kind == start) return model.adds_bos ? model.bos : std::nullopt;
    return find_token(tokens_, each.text);
  }
  /// The text of the token `id` where this mode finds it in text.
  [[nodiscard]] std::string spelling(token_id id) {
    std::string text{tokens_.pieces().text(id)};
    const bool found = tokens_.encode(text, workspace_, {.at_start = false}) == std::vector<token_id>{id};
    return found ? text : std::string{};
  }

  /// Whether text must not become the token `id`.
  [[nodiscard]] bool is_reserved(token_id id) const {
    return tokens_.pieces().kind(id) == piece_kind::control ||
           std::any_of(ids_of_segments_.begin(), ids_of_segments_.end(),
                       [id](const auto& of) { return of.second == id; });
  }
  [[nodiscard]] bool has_reserved(std::span<const token_id> ids) const {
    return std::any_of(ids.begin(), ids.end(), [this](token_id id) { return is_reserved(id); });
  }

  /// The ids of `text` between the tokens `left` and `right`: they decide on dummy prefix and stripping.
  void encode_text(std::string_view text, const part* left, const part* right) {
    if (append(text, left, right, true)) return;
    const std::vector<std::string_view> pieces = cut(text);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const part* const before = i == 0 ? left : nullptr;
      const part* const after = i + 1 == pieces.size() ? right : nullptr;
      if (append(pieces[i], before, after, i == 0)) continue;
      std::vector<token_id> ids = tokens_.encode(pieces[i], workspace_, {.at_start = i == 0});
      std::erase_if(ids, [this](token_id id) { return is_reserved(id); });
      ids_.insert(ids_.end(), ids.begin(), ids.end());
    }
  }
  /// Appends the ids of `text` between two tokens. False, with nothing appended, when some of them are reserved.
  bool append(std::string_view text, const part* left, const part* right, bool at_start) {
    const std::string_view before = left != nullptr ? std::string_view{left->text} : std::string_view{};
    const std::string_view after = right != nullptr ? std::string_view{right->text} : std::string_view{};
    std::string joined{before};
    joined.append(text).append(after);
    const std::vector<token_id> ids = tokens_.encode(joined, workspace_, {.at_start = at_start && before.empty()});
    std::span<const token_id> inner{ids};
    if (!before.empty()) {
      if (inner.empty() || inner.front() != left->id) return false;
      inner = inner.subspan(1);
    }
    if (!after.empty()) {
      if (inner.empty() || inner.back() != right->id) return false;
      inner = inner.first(inner.size() - 1);
    }
    if (has_reserved(inner)) return false;
    ids_.insert(ids_.end(), inner.begin(), inner.end());
    return true;
  }
  /// `text` cut behind the first character of whatever in it is spelled like a reserved token.
  [[nodiscard]] std::vector<std::string_view> cut(std::string_view text) const {
    const vocabulary& pieces = tokens_.pieces();
    std::vector<std::size_t> cuts;
    for (token_id id = 0; id < pieces.size(); ++id) {
      const std::string_view spelled = pieces.text(id);
      if (!is_reserved(id) || spelled.empty()) continue;
      const std::size_t first = read_utf8(spelled).length;
      if (first == spelled.size()) continue;
      for (std::size_t at = text.find(spelled); at != text.npos; at = text.find(spelled, at + 1))
        cuts.push_back(at + first);
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (const std::size_t end : cuts) {
      parts.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    parts.push_back(text.substr(begin));
    return parts;
  }

  const tokenizer& tokens_;
  encode_workspace workspace_;
  /// The tokens of this prompt, none where the vocabulary lacks one.
  std::map<std::pair<chat::segment_kind, std::string>, std::optional<token_id>> ids_of_segments_;
  std::vector<token_id> ids_;
};

}  // namespace detail

/// The ids of a prompt. Only start, bos, eos and special segments give special tokens.
///
/// Text between two tokens is encoded as the tokenizer's mode does it for text between their spellings: in the hf modes
/// that decides on the dummy prefix after a token and on whitespace beside it, so the ids of a conversation are those
/// that transformers gives for its text. In mode spm each text is one of its own, with a dummy prefix, as Meta's code
/// does it. After start and bos a text starts in every mode. A bos or eos that the model does not have is left
/// out, and a start where its tokenizer adds none.
///
/// Text that is spelled like a special token (a control piece of the vocabulary, or one of the prompt's own tokens)
/// stays text, where transformers would make it the token: in mode spm its ids are SentencePiece's, in the others it is
/// encoded in two parts, divided after its first character.
[[nodiscard]] inline std::vector<token_id> encode_prompt(const tokenizer& tokens,
                                                         std::span<const chat::segment> segments) {
  return detail::prompt_encoder{tokens}.encode(segments);
}

/// What ends an answer: tokens and texts.
struct answer_end {
  std::vector<token_id> ids;
  std::vector<std::string> texts;
};

/// The tokens that end a turn in the formats known, wherever a vocabulary has them as control tokens.
inline constexpr std::string_view turn_end_tokens[] = {"<|im_end|>", "<|eot_id|>"};

/// The model's EOS and end-of-turn tokens and the `stops` of a chat template: tokens where the vocabulary has them,
/// else texts.
[[nodiscard]] inline answer_end find_answer_end(const tokenizer& tokens, std::span<const chat::segment> stops) {
  answer_end end;
  const auto add = [&end](std::optional<token_id> id) {
    if (id && std::find(end.ids.begin(), end.ids.end(), *id) == end.ids.end()) end.ids.push_back(*id);
  };
  add(tokens.special().eos);
  add(tokens.special().eot);
  for (const std::string_view text : turn_end_tokens) {
    const auto id = find_token(tokens, text);
    if (id && tokens.pieces().kind(*id) == piece_kind::control) add(id);
  }
  for (const chat::segment& stop : stops) {
    if (stop.kind == chat::segment_kind::text) {
      end.texts.push_back(stop.text);
    } else if (const auto id = find_token(tokens, stop.text)) {
      add(id);
    } else {
      end.texts.push_back(stop.text);
    }
  }
  return end;
}

}  // namespace tulu
