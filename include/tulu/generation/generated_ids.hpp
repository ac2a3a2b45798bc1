#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The ids that a model generated as answers in a conversation. There are many ways to spell a text in pieces, and a
/// model may choose another than its tokenizer: encoding the conversation again would change the ids of old answers,
/// and what the cache holds of them would be lost. So an answer keeps the ids that it was generated with wherever
/// the prompt has ids of exactly the same bytes at its place; everything else is as the tokenizer has it.
class generated_ids {
 public:
  explicit generated_ids(tokenizer source) : tokenizer_{std::move(source)} {}

  /// `encoded`, the ids of a prompt, with those of the answers that were generated after its beginnings.
  [[nodiscard]] std::vector<token_id> put_into(std::span<const token_id> encoded) const {
    std::vector<token_id> out;
    out.reserve(encoded.size());
    std::size_t at = 0;
    for (const answer& each : std::span{answers_}.first(valid(encoded))) {
      const std::optional<std::size_t> end = end_of_text(encoded, each);
      if (!end) continue;
      out.insert(out.end(), encoded.begin() + offset(at), encoded.begin() + offset(each.begin));
      out.insert(out.end(), each.ids.begin(), each.ids.end());
      at = *end;
    }
    out.insert(out.end(), encoded.begin() + offset(at), encoded.end());
    return out;
  }

  /// `ids` were generated after the prompt whose ids, before `put_into`, were `encoded`, and gave the answer `text`.
  /// When they spell something else, as with a stop string at their end, they do not count.
  void add(std::vector<token_id> encoded, std::vector<token_id> ids, std::string_view text) {
    answers_.resize(valid(encoded));
    if (spell(ids) == text) answers_.push_back({encoded.size(), std::move(ids)});
    encoded_ = std::move(encoded);
  }

 private:
  struct answer {
    std::size_t begin = 0;  ///< in `encoded_`, or its end
    std::vector<token_id> ids{};
  };

  [[nodiscard]] std::string spell(std::span<const token_id> ids) const {
    std::string text;
    for (const token_id id : ids) tokenizer_.decode_piece(id, text);
    return text;
  }

  [[nodiscard]] static std::ptrdiff_t offset(std::size_t at) noexcept { return static_cast<std::ptrdiff_t>(at); }

  /// How many of the answers follow a beginning of `encoded` and are not at its end.
  [[nodiscard]] std::size_t valid(std::span<const token_id> encoded) const noexcept {
    const auto differs = std::mismatch(encoded_.begin(), encoded_.end(), encoded.begin(), encoded.end()).first;
    const auto common = static_cast<std::size_t>(differs - encoded_.begin());
    const auto ends = std::ranges::find_if(
        answers_, [&](const answer& each) { return each.begin > common || each.begin >= encoded.size(); });
    return static_cast<std::size_t>(ends - answers_.begin());
  }

  /// Where in `encoded` the text of the answer, which begins at its place, ends. No special token is within.
  [[nodiscard]] std::optional<std::size_t> end_of_text(std::span<const token_id> encoded, const answer& each) const {
    const std::string text = spell(each.ids);
    std::string_view rest = text;
    std::string piece;
    std::size_t at = each.begin;
    while (!rest.empty()) {
      if (at == encoded.size()) return std::nullopt;
      piece.clear();
      tokenizer_.decode_piece(encoded[at++], piece);
      if (piece.empty() || !rest.starts_with(piece)) return std::nullopt;
      rest.remove_prefix(piece.size());
    }
    return at;
  }

  tokenizer tokenizer_;
  std::vector<token_id> encoded_;  ///< the prompt of the last answer
  std::vector<answer> answers_;    ///< in the order of their places
};

}  // namespace tulu
