#include <cstddef>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/generation/context_policy.hpp>

namespace context_policy_test {

using tulu::context_policy;

/// Turns of 10 tokens each.
std::size_t dropped(std::size_t turns, std::size_t at_least, std::size_t room, std::size_t capacity) {
  return tulu::turns_to_drop(turns, at_least, room, capacity, [&](std::size_t count) { return 10 * (turns - count); });
}

TEST_CASE("each policy has its own idea of the room for an answer") {
  CHECK(tulu::answer_room(context_policy::refuse, 100, 500) == 500);
  CHECK(tulu::answer_room(context_policy::refuse, 100, tulu::unlimited) == 0);
  CHECK(tulu::answer_room(context_policy::drop_oldest_turns, 100, 500) == 25);
  CHECK(tulu::answer_room(context_policy::drop_oldest_turns, 100, 5) == 5);
  CHECK(tulu::answer_room(context_policy::stop_when_full, 100, 500) == 0);
}

TEST_CASE("what does not fit is refused with its size and that of the context") {
  const auto message = [](std::size_t prompt, std::size_t room) {
    return tulu::test::message_of([&] { tulu::require_fit(prompt, room, 100, "prompt"); });
  };
  CHECK(message(100, 0).empty());
  CHECK(message(60, 40).empty());
  CHECK(message(101, 0) == "prompt: expected at most 100 tokens, the size of the context, found 101 tokens");
  CHECK(message(60, 41) ==
        "prompt: expected at most 100 tokens, the size of the context, found 60 tokens and 41 of the answer");
  CHECK(!message(1, tulu::unlimited).empty());
}

TEST_CASE("turns are dropped only when there is too little room, and then until half of the context is free") {
  CHECK(dropped(8, 0, 20, 100) == 0);
  CHECK(dropped(9, 0, 20, 100) == 4);
  CHECK(dropped(9, 0, 60, 100) == 5);
  CHECK(dropped(9, 1, 20, 100) == 1);
  CHECK(dropped(40, 7, 20, 100) == 35);
}

TEST_CASE("the newest turn is never dropped") {
  CHECK(dropped(1, 0, 20, 5) == 0);
  CHECK(dropped(1, 4, 20, 5) == 0);
  CHECK(dropped(5, 0, 20, 5) == 4);
  CHECK(dropped(5, 9, 20, 100) == 4);
}

}  // namespace context_policy_test
