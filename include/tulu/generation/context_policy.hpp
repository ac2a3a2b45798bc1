#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// Stands for no limit of the number of tokens.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// What becomes of a conversation that outgrows the context. Whatever it is, an answer ends where the context is full,
/// and a prompt that cannot be made to fit is an error.
enum class context_policy {
  /// An error when the prompt and max_new_tokens more do not fit; without a limit, when the prompt does not.
  refuse,
  /// When an answer has too little room (for max_new_tokens, but at most a quarter of the context), the oldest turns
  /// are left out of the prompt, whole ones, until half of the context is free: a prompt that begins differently has to
  /// be computed anew, which should not happen with every turn. The system message and the newest turn always stay.
  drop_oldest_turns,
  /// An error only when the prompt does not fit.
  stop_when_full,
};

/// The context of a session.
struct context_options {
  std::size_t capacity = 0;  ///< in tokens; 0: the model's max_position_embeddings
  dtype cache_type = dtype::f16;
  context_policy policy = context_policy::drop_oldest_turns;
};

/// How many tokens beside the prompt `policy` wants the context to have room for.
[[nodiscard]] constexpr std::size_t answer_room(context_policy policy, std::size_t capacity,
                                                std::size_t max_new_tokens) noexcept {
  switch (policy) {
    case context_policy::refuse:
      return max_new_tokens == unlimited ? 0 : max_new_tokens;
    case context_policy::drop_oldest_turns:
      return std::min(max_new_tokens, capacity / 4);
    case context_policy::stop_when_full:
      break;
  }
  return 0;
}

/// Throws unless `prompt` tokens and `room` more fit in a context of `capacity`. `what` says what the prompt is.
inline void require_fit(std::size_t prompt, std::size_t room, std::size_t capacity, const std::string& what) {
  if (prompt <= capacity && room <= capacity - prompt) return;
  const std::string answer = room == 0 ? "" : " and " + std::to_string(room) + " of the answer";
  throw mismatch_error(what, "", "at most " + std::to_string(capacity) + " tokens, the size of the context",
                       std::to_string(prompt) + " tokens" + answer);
}

/// How many of `turns` ≥ 1 turns to leave out: `at_least` when then `size_without(count)` tokens and `room` more fit;
/// else the fewest that leave half of the context, and `room`, free; all but the newest when nothing less is enough.
/// Takes the sizes to fall with the count, and asks for about log2(turns) of them.
template <class SizeWithout>
[[nodiscard]] std::size_t turns_to_drop(std::size_t turns, std::size_t at_least, std::size_t room, std::size_t capacity,
                                        SizeWithout&& size_without) {
  const auto fits = [&](std::size_t count, std::size_t beside) {
    const std::size_t size = size_without(count);
    return size <= capacity && beside <= capacity - size;
  };
  std::size_t low = std::min(at_least, turns - 1);
  if (fits(low, room)) return low;
  std::size_t high = turns - 1;  // the answer is in (low, high]
  while (high > low + 1) {
    const std::size_t middle = low + (high - low) / 2;
    (fits(middle, std::max(room, capacity / 2)) ? high : low) = middle;
  }
  return high;
}

}  // namespace tulu
