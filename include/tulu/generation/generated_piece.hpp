#pragma once

#include <concepts>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include <tulu/sampling/sampler.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// One chosen token of an answer. What it refers to lives until the callback returns.
struct generated_piece {
  token_id id = 0;
  /// What the token stands for; it may be a part of a character. Empty for control tokens and stop tokens.
  std::string_view bytes{};
  /// The text, whole UTF-8, that can be shown since this token: characters that are complete, without what may be the
  /// beginning of a stop string. The text of all pieces together is the answer.
  std::string_view text{};
  /// See sampled_token; NaN unless `want_logprob` asked for it.
  float logprob = std::numeric_limits<float>::quiet_NaN();
  std::span<const token_probability> top{};
};

/// Is called with each token of an answer, and false ends the answer after that token.
template <class Callback>
concept piece_callback = std::is_invocable_r_v<bool, Callback&, const generated_piece&>;

/// Is called with the text of an answer, in parts that are not empty, and false ends the answer.
template <class Callback>
concept text_callback = !piece_callback<Callback> && std::is_invocable_r_v<bool, Callback&, std::string_view>;

template <class Callback>
concept answer_callback = piece_callback<Callback> || text_callback<Callback>;

namespace detail {

template <answer_callback Callback>
[[nodiscard]] bool hand_over(Callback& callback, const generated_piece& piece) {
  if constexpr (piece_callback<Callback>) {
    return callback(piece);
  } else {
    return piece.text.empty() || static_cast<bool>(callback(piece.text));
  }
}

}  // namespace detail

}  // namespace tulu
