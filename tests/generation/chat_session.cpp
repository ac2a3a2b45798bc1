#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include "support/scripted_model.hpp"
#include "support/temp_dir.hpp"
#include <tulu/chat/llama2.hpp>
#include <tulu/chat/raw.hpp>
#include <tulu/chat/tulu.hpp>
#include <tulu/chat/vicuna.hpp>
#include <tulu/generation/chat_session.hpp>

namespace chat_session_test {

using ids = std::vector<tulu::token_id>;
using tulu::chat::message;
using tulu::chat::role;

/// Also knows "ab" as one piece, which no answer of these tests uses.
const tulu::tokenizer& letters() {
  static const tulu::tokenizer made = tulu::test::tokenizer_of(tulu::test::llama_proto({"ab"}));
  return made;
}

/// The byte pieces of `text`.
ids spelled(std::string_view text) {
  ids out;
  for (const char byte : text) out.push_back(3U + static_cast<unsigned char>(byte));
  return out;
}

/// A conversation with a model that answers what it is told to.
struct fixture {
  explicit fixture(const std::vector<std::string>& answers, tulu::context_options context = {},
                   tulu::chat::any_template format = tulu::chat::tulu_template{}, std::size_t max_new_tokens = 50)
      : model{letters().size(), 4096},
        chat{model, letters(), std::move(format), options_with(max_new_tokens), context} {
    for (const std::string& answer : answers) model.answers.push_back(spelled(answer));
  }
  static tulu::generation_options options_with(std::size_t max_new_tokens) {
    tulu::generation_options options;
    options.max_new_tokens = max_new_tokens;
    return options;
  }

  /// The ids that the model has been given as a prompt, as text.
  [[nodiscard]] std::string prompt() const { return letters().decode(model.prompt); }
  [[nodiscard]] std::vector<message> messages() const { return {chat.messages().begin(), chat.messages().end()}; }

  tulu::test::scripted_model model;
  tulu::chat_session<tulu::test::scripted_model> chat;
};

const std::vector<message> hi_ab{{role::user, "Hi"}, {role::assistant, "ab"}};

TEST_CASE("a session reads like its description") {
  tulu::test::scripted_model model{letters().size(), 512};
  model.answers = {spelled("Hello")};
  tulu::chat_session chat{model, letters(), tulu::chat::tulu_template{}};
  std::string shown;
  chat.reply("Hi", [&](std::string_view piece) {
    shown += piece;
    return true;
  });
  CHECK(shown == "Hello");
}

TEST_CASE("each turn computes only what is new, though answers are spelled in another way than the tokenizer's") {
  fixture f{{"ab", "xaby", "z"}};
  const auto first = f.chat.reply("Hi");
  CHECK(first.text == "ab");
  CHECK(first.reason == tulu::end_reason::stop_token);
  CHECK(first.stats.reused_tokens == 0);
  CHECK(f.model.prefilled.back() == f.model.prompt.size());
  std::size_t computed = f.model.prompt.size() + 2;

  const auto second = f.chat.reply("ab?");
  CHECK(second.stats.reused_tokens == computed);
  CHECK(second.stats.prompt_tokens == f.model.prompt.size());
  CHECK(f.model.prefilled.back() == f.model.prompt.size() - computed);
  CHECK(f.model.prompt.at(computed) == 2);  // EOS after the answer
  CHECK(f.chat.stats().reused_tokens == computed);
  computed = f.model.prompt.size() + 4;

  CHECK(f.chat.reply("ab").stats.reused_tokens == computed);
  CHECK(f.messages().size() == 6);
}

TEST_CASE("but for the ids of answers the prompt is what encoding the whole conversation gives") {
  fixture f{{"xx", "yy"}};
  f.chat.set_system("Be ab");
  f.chat.reply("Hi");
  f.chat.reply("ab");
  const std::vector<message> conversation{
      {role::system, "Be ab"}, {role::user, "Hi"}, {role::assistant, "xx"}, {role::user, "ab"}};
  CHECK(f.model.prompt == tulu::encode_prompt(letters(), tulu::chat::tulu_template{}.render(conversation, true)));
}

TEST_CASE("what ends an answer in the template's way is not in it, and the next prompt has EOS in its place") {
  fixture f{{"ab\n<|user|>\nMe", "c"}};
  const auto result = f.chat.reply("Hi");
  CHECK(result.text == "ab");
  CHECK(result.reason == tulu::end_reason::stop_string);
  CHECK(f.messages() == hi_ab);
  f.chat.reply("So");
  const std::vector<message> conversation{{role::user, "Hi"}, {role::assistant, "ab"}, {role::user, "So"}};
  CHECK(f.model.prompt == tulu::encode_prompt(letters(), tulu::chat::tulu_template{}.render(conversation, true)));
}

TEST_CASE("stop strings of the options count beside those of the template") {
  fixture f{{"abcab", "x\n<|user|>\n"}};
  tulu::generation_options options = f.chat.options();
  options.stop = {"ca"};
  f.chat.set_options(options);
  CHECK(f.chat.reply("Hi").text == "ab");
  CHECK(f.chat.reply("Hi").text == "x");
  CHECK(f.chat.options().stop == std::vector<std::string>{"ca"});
}

TEST_CASE("undo takes back the last question and its answer") {
  fixture f{{"ab", "cd", "ef"}};
  f.chat.set_system("S");
  CHECK_FALSE(f.chat.undo());
  f.chat.reply("Hi");
  const std::vector<message> before = f.messages();
  f.chat.reply("What");
  CHECK(f.chat.undo());
  CHECK(f.messages() == before);
  const std::size_t first_prompt = f.model.prefilled[0];
  CHECK(f.chat.reply("Why").stats.reused_tokens > first_prompt);
  CHECK(f.chat.undo());
  CHECK(f.chat.undo());
  CHECK_FALSE(f.chat.undo());
  CHECK(f.chat.system() == "S");
}

TEST_CASE("regenerate replaces the last answer and computes one token of the prompt") {
  fixture f{{"ab", "cd", "ef"}};
  CHECK_THROWS_AS(f.chat.regenerate(), tulu::error);
  f.chat.reply("Hi");
  std::string shown;
  f.chat.regenerate([&](std::string_view text) {
    shown += text;
    return true;
  });
  CHECK(shown == "cd");
  CHECK(f.messages() == std::vector<message>{{role::user, "Hi"}, {role::assistant, "cd"}});
  CHECK(f.model.prefilled.back() == 1);
  f.chat.reply("Why");
  CHECK(f.prompt().find("cd") != std::string::npos);
  CHECK(f.prompt().find("ab") == std::string::npos);
}

TEST_CASE("clear forgets all but the system message, which can be changed") {
  fixture f{{"ab", "cd"}};
  f.chat.set_system("One");
  f.chat.reply("Hi");
  f.chat.clear();
  CHECK(f.messages() == std::vector<message>{{role::system, "One"}});
  f.chat.set_system("Two");
  f.chat.reply("So");
  CHECK(f.prompt().find("Two") != std::string::npos);
  CHECK(f.prompt().find("Hi") == std::string::npos);
  f.chat.set_system("");
  CHECK(f.chat.system().empty());
  CHECK(f.messages().size() == 2);
}

TEST_CASE("a callback that says no keeps the part that it got") {
  fixture f{{"abc", "d"}};
  const auto result = f.chat.reply("Hi", [](std::string_view text) { return text != "b"; });
  CHECK(result.reason == tulu::end_reason::callback);
  CHECK(f.messages() == hi_ab);
  CHECK(f.chat.reply("And").stats.reused_tokens > 0);
}

TEST_CASE("a cancelled answer is kept as far as it came, and the session goes on") {
  fixture f{{"abc", "d"}};
  std::stop_source source;
  const auto result = f.chat.reply(
      "Hi", [&](std::string_view text) { return text != "b" || source.request_stop(); }, source.get_token());
  CHECK(result.reason == tulu::end_reason::cancelled);
  CHECK(f.messages() == hi_ab);
  CHECK(f.chat.reply("And").text == "d");
  CHECK(f.messages().size() == 4);
}

TEST_CASE("cancelled before the first token, the session is as before") {
  fixture f{{"ab", "d"}};
  f.chat.reply("Hi");
  std::stop_source source;
  f.model.before_pass = [&] { source.request_stop(); };
  CHECK(f.chat.reply("And", source.get_token()).reason == tulu::end_reason::cancelled);
  CHECK(f.messages() == hi_ab);
  CHECK(f.chat.regenerate(source.get_token()).reason == tulu::end_reason::cancelled);
  CHECK(f.messages() == hi_ab);
  f.model.before_pass = {};
  CHECK(f.chat.reply("And").text == "d");
}

TEST_CASE("after an error the session is as before, random numbers included") {
  fixture f{{"ab", "cdef", "cdef", "cdef", "cdef", "cdef", "g"}};
  f.chat.reply("Hi");
  const tulu::session_state before = f.chat.state();
  const auto fail_at = [](int pass) {
    return [pass]() mutable {
      if (pass-- == 0) throw tulu::error{"broken"};
    };
  };
  for (const int pass : {0, 2}) {
    f.model.before_pass = fail_at(pass);
    CHECK(tulu::test::message_of([&] { f.chat.reply("And"); }) == "broken");
    CHECK(tulu::test::message_of([&] { f.model.before_pass = fail_at(pass), f.chat.regenerate(); }) == "broken");
    CHECK(f.messages() == hi_ab);
    CHECK(f.chat.state().random == before.random);
  }
  f.model.before_pass = {};
  CHECK_THROWS_AS(f.chat.reply("And", [](std::string_view) -> bool { throw 1; }), int);
  CHECK(f.messages() == hi_ab);
  f.chat.reply("And");
  CHECK(f.messages().size() == 4);
}

TEST_CASE("the oldest turns are left out when the context is full, the system message stays") {
  constexpr std::size_t capacity = 200;
  fixture f{std::vector<std::string>(12, "abc"), {.capacity = capacity}};
  f.chat.set_system("SYS");
  std::size_t dropped = 0, drops = 0;
  for (int turn = 0; turn < 12; ++turn) {
    const auto result = f.chat.reply("question-" + std::to_string(turn));
    CAPTURE(turn);
    REQUIRE(result.reason == tulu::end_reason::stop_token);
    CHECK(result.stats.prompt_tokens + 50 <= capacity);
    CHECK(f.prompt().find("SYS") != std::string::npos);
    CHECK(f.prompt().find("question-" + std::to_string(turn)) != std::string::npos);
    CHECK(result.dropped_messages == dropped + result.newly_dropped);
    CHECK(result.dropped_messages % 2 == 0);
    const std::size_t oldest = result.dropped_messages / 2;
    CHECK(f.prompt().find("question-" + std::to_string(oldest)) != std::string::npos);
    if (oldest > 0) CHECK(f.prompt().find("question-" + std::to_string(oldest - 1) + "\n") == std::string::npos);
    if (result.newly_dropped == 0 && turn > 0) CHECK(result.stats.reused_tokens > 20);
    drops += result.newly_dropped > 0 ? 1 : 0;
    dropped = result.dropped_messages;
  }
  CHECK(dropped > 4);
  CHECK(drops > 1);
  CHECK(drops < 10);
  CHECK(f.messages().size() == 25);
}

TEST_CASE("a message that is longer than the context is refused, and the session is as before") {
  fixture f{{"ab", "c"}, {.capacity = 100}};
  f.chat.reply("Hi");
  const std::string message = tulu::test::message_of([&] { f.chat.reply(std::string(200, 'x')); });
  CHECK(message.find("prompt, of the system message and the newest turn alone: expected at most 100 tokens") == 0);
  CHECK(message.find("found 2") != std::string::npos);
  CHECK(f.messages() == hi_ab);
  CHECK(f.chat.reply("So").text == "c");
}

TEST_CASE("an answer ends where the context does") {
  for (const auto policy : {tulu::context_policy::drop_oldest_turns, tulu::context_policy::stop_when_full}) {
    fixture f{{std::string(500, 'x')}, {.capacity = 64, .policy = policy}, tulu::chat::tulu_template{}, 500};
    const auto result = f.chat.reply("Hi");
    CHECK(result.reason == tulu::end_reason::context_full);
    CHECK(result.ids.size() == 64 - result.stats.prompt_tokens + 1);
  }
}

TEST_CASE("without dropping, a conversation that outgrows the context is refused") {
  fixture strict{{"ab", "c"}, {.capacity = 100, .policy = tulu::context_policy::refuse}};
  strict.chat.reply("Hi");
  CHECK(tulu::test::message_of([&] { strict.chat.reply("And"); }).find("and 50 of the answer") != std::string::npos);
  CHECK(strict.messages() == hi_ab);

  fixture loose{{"ab", "c"}, {.capacity = 90, .policy = tulu::context_policy::stop_when_full}};
  loose.chat.reply("Hi");
  CHECK(loose.chat.reply("And").text == "c");
  CHECK_THROWS_AS(loose.chat.reply("Hm"), tulu::error);
}

TEST_CASE("a message is the answer without the blanks that the template puts round it itself") {
  const auto content = [](tulu::chat::any_template format, const std::string& answer) {
    fixture f{{answer}, {}, std::move(format)};
    CHECK(f.chat.reply("Hi").text == answer);
    return f.messages().back().content;
  };
  CHECK(content(tulu::chat::tulu_template{}, " ab\n") == "ab");
  CHECK(content(tulu::chat::vicuna_template{}, " ab") == "ab");
  CHECK(content(tulu::chat::llama2_template{}, " ab ") == "ab");
  CHECK(content(tulu::chat::raw_template{}, " ab\n") == " ab\n");
}

TEST_CASE("the same random numbers draw the same answer") {
  fixture first{{"ab", "cd"}};
  tulu::generation_options options = first.chat.options();
  options.sampling.seed = 9;
  first.chat.set_options(options);
  first.chat.reply("Hi");
  CHECK(first.chat.state().random != tulu::rng{9}.state());
  first.chat.random() = tulu::rng{9};
  CHECK(first.chat.state().random == tulu::rng{9}.state());
}

TEST_CASE("a restored session goes on like the first") {
  fixture first{{"ab", "cd"}}, second{{"cd"}};
  tulu::generation_options options = first.chat.options();
  options.sampling.temperature = 1.5F;
  options.sampling.seed = 9;
  first.chat.set_options(options);
  first.chat.reply("Hi");
  second.chat.restore(first.chat.state());
  CHECK(second.messages() == hi_ab);
  CHECK(second.chat.options().sampling.temperature == 1.5F);
  CHECK(second.chat.state().random == first.chat.state().random);
  CHECK(first.chat.reply("So").text == second.chat.reply("So").text);
  CHECK(first.prompt() == second.prompt());

  tulu::session_state bad = second.chat.state();
  bad.messages.clear();
  bad.options.sampling.top_p = -1;
  CHECK_THROWS_AS(second.chat.restore(bad), tulu::error);
  CHECK(second.messages().size() == 4);
}

}  // namespace chat_session_test
