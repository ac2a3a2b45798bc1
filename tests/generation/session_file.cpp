#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include "support/scripted_model.hpp"
#include "support/temp_dir.hpp"
#include <tulu/chat/tulu.hpp>
#include <tulu/generation/chat_session.hpp>
#include <tulu/generation/session_file.hpp>

namespace session_file_test {

tulu::session_state full_state() {
  tulu::session_state state;
  state.template_name = "tulu";
  state.messages = {{tulu::chat::role::system, "Be \"brief\"\n"},
                    {tulu::chat::role::user, "caf\u00e9 \U0001F999"},
                    {tulu::chat::role::assistant, ""}};
  auto& sampling = state.options.sampling;
  sampling.temperature = 0.1F;
  sampling.top_k = 40;
  sampling.top_p = 0.95F;
  sampling.min_p = 0.05F;
  sampling.typical_p = 0.9F;
  sampling.repetition_penalty = 1.1F;
  sampling.presence_penalty = 0.25F;
  sampling.frequency_penalty = -0.3F;
  sampling.penalty_window = 64;
  sampling.logit_bias = {{5, 1.5F}, {7, -std::numeric_limits<float>::infinity()}};
  sampling.seed = std::numeric_limits<std::uint64_t>::max();
  sampling.want_logprob = false;
  sampling.top_logprobs = 3;
  state.options.max_new_tokens = 77;
  state.options.stop = {"\nUser:", "\u20ac"};
  state.options.stop_tokens = {{2, 9}};
  state.random = {1, std::numeric_limits<std::uint64_t>::max(), 0, 4};
  return state;
}

void check_equal(const tulu::session_state& found, const tulu::session_state& expected) {
  CHECK(found.template_name == expected.template_name);
  CHECK(found.messages == expected.messages);
  const auto &a = found.options.sampling, &b = expected.options.sampling;
  CHECK(a.temperature == b.temperature);
  CHECK(a.top_k == b.top_k);
  CHECK(a.top_p == b.top_p);
  CHECK(a.min_p == b.min_p);
  CHECK(a.typical_p == b.typical_p);
  CHECK(a.repetition_penalty == b.repetition_penalty);
  CHECK(a.presence_penalty == b.presence_penalty);
  CHECK(a.frequency_penalty == b.frequency_penalty);
  CHECK(a.penalty_window == b.penalty_window);
  CHECK(a.logit_bias == b.logit_bias);
  CHECK(a.seed == b.seed);
  CHECK(a.want_logprob == b.want_logprob);
  CHECK(a.top_logprobs == b.top_logprobs);
  CHECK(found.options.max_new_tokens == expected.options.max_new_tokens);
  CHECK(found.options.stop == expected.options.stop);
  CHECK(found.options.stop_tokens == expected.options.stop_tokens);
  CHECK(found.random == expected.random);
}

/// The error that a session file of this text gives.
std::string refusal(std::string_view text) {
  return tulu::test::message_of([&] { static_cast<void>(tulu::parse_session(tulu::io::parse_json(text, "f"), "f")); });
}

std::string file_with(std::string_view more) {
  return std::string{R"({"tulu_session": 1, "template": "tulu", )"}.append(more).append("}");
}

const std::string no_messages = R"("messages": [], "random": [1, 2, 3, 4])";

std::string with_options(const std::string& options) {
  return file_with(no_messages + ", \"options\": {" + options + "}");
}

TEST_CASE("what is saved is loaded again, to the last bit") {
  const tulu::test::temp_dir folder;
  const auto path = folder.path() / "session.json";
  tulu::test::write_file(path, "old");
  tulu::save_session(full_state(), path);
  check_equal(tulu::load_session(path), full_state());
  tulu::save_session(tulu::session_state{}, path);
  check_equal(tulu::load_session(path), tulu::session_state{});
  CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

TEST_CASE("numbers are written as people type them") {
  const std::string text = tulu::format_session(full_state());
  CHECK(text.find("\"temperature\": 0.1,") != std::string::npos);
  CHECK(text.find("\"top_p\": 0.95,") != std::string::npos);
}

TEST_CASE("text that is not UTF-8 is written as tokenizers read it") {
  tulu::session_state state;
  state.messages = {{tulu::chat::role::user,
                     "a\xff"
                     "b"}};
  const auto read = tulu::parse_session(tulu::io::parse_json(tulu::format_session(state), "f"), "f");
  CHECK(read.messages[0].content ==
        "a\ufffd"
        "b");
}

TEST_CASE("lookup is kept, and checked with the temperature") {
  tulu::session_state state;
  state.options.sampling.temperature = 0;
  state.options.lookup = 5;
  const auto read = tulu::parse_session(tulu::io::parse_json(tulu::format_session(state), "f"), "f");
  CHECK(read.options.lookup == 5);
  CHECK(refusal(with_options(R"("lookup": 5)")) == "f: lookup: expected 0 unless temperature is 0, found 5");
  CHECK(refusal(with_options(R"("temperature": 0, "lookup": 8)")).find("f: lookup: expected 0 to 7") == 0);
}

TEST_CASE("options that are not given have their defaults") {
  const auto read = tulu::parse_session(tulu::io::parse_json(file_with(no_messages), "f"), "f");
  CHECK(read.options.sampling.temperature == tulu::sampling_options{}.temperature);
  CHECK(read.options.max_new_tokens == tulu::unlimited);
}

TEST_CASE("files that are no sessions are refused with a word on what is wrong") {
  CHECK(refusal("[1]") == "f: expected a JSON object, found an array");
  CHECK(refusal("{}") == "f: tulu_session: expected an integer, found no such key");
  CHECK(refusal(R"({"tulu_session": 2})") == "f: tulu_session: expected 1, found 2");
  CHECK(refusal(R"({"tulu_session": 1})") == "f: template: expected a string, found no such key");
  CHECK(refusal(file_with(R"("x": 1)")) == "f: messages: expected an array, found no such key");
  CHECK(refusal(file_with(R"("messages": {})")) == "f: messages: expected an array, found an object");
  CHECK(refusal(file_with(R"("messages": [3])")) == "f: expected a JSON object, found 3");
  CHECK(refusal(file_with(R"("messages": [{"role": "root\n", "content": ""}])")) ==
        "f: role: expected system, user or assistant, found root\\x0a");
  CHECK(refusal(file_with(R"("messages": [{"role": "user", "content": 7}])")) ==
        "f: content: expected a string, found 7");
  CHECK(refusal(file_with(R"("messages": [])")).find("f: random: ") == 0);
  CHECK(refusal(file_with(R"("messages": [], "random": [1, 2, 3])")) == "f: random: expected 4 numbers, found 3");
  CHECK(refusal(file_with(R"("messages": [], "random": [0, 0, 0, 0])")).find("f: random state") == 0);
  CHECK(refusal(file_with(R"("messages": [], "random": [1, 2, 3, -4])")).find("f: random: ") == 0);
}

TEST_CASE("options out of range are refused") {
  CHECK(refusal(with_options("")).empty());
  CHECK(refusal(with_options(R"("temperature": "hot")")) == "f: temperature: expected a number, found \"hot\"");
  CHECK(refusal(with_options(R"("temperature": 1e300)")).find("f: temperature: expected") == 0);
  CHECK(refusal(with_options(R"("top_p": 2)")) == "f: top_p: expected a number from 0 to 1, found 2");
  CHECK(refusal(with_options(R"("top_k": -1)")).find("f: top_k: ") == 0);
  CHECK(refusal(with_options(R"("logit_bias": 3)")).find("f: logit_bias: ") == 0);
  CHECK(refusal(with_options(R"("logit_bias": [[1]])")).find("f: logit_bias: ") == 0);
  CHECK(refusal(with_options(R"("logit_bias": [[-1, 0.5]])")).find("f: logit_bias: ") == 0);
  CHECK(refusal(with_options(R"("logit_bias": [[1, "x"]])")).find("f: logit_bias: ") == 0);
  CHECK(refusal(with_options(R"("stop": [""])")).find("f: stop string: ") == 0);
  CHECK(refusal(with_options(R"("stop": "x")")).find("f: stop: ") == 0);
  CHECK(refusal(with_options(R"("stop_tokens": [4294967296])")).find("f: stop_tokens: ") == 0);
  CHECK(refusal(file_with(no_messages + R"(, "options": null)")).find("f: ") == 0);
}

TEST_CASE("a session that cannot be written leaves the old file") {
  const tulu::test::temp_dir folder;
  const auto path = folder.path() / "missing" / "session.json";
  CHECK(tulu::test::message_of([&] { tulu::save_session(full_state(), path); }).find("missing") != std::string::npos);
  CHECK(tulu::test::message_of([&] { static_cast<void>(tulu::load_session(path)); }).find("missing") !=
        std::string::npos);
}

TEST_CASE("a chat session goes on with a conversation from a file, or stays as it was") {
  const tulu::tokenizer tokens = tulu::test::tokenizer_of(tulu::test::llama_proto({}));
  tulu::test::scripted_model model{tokens.size(), 512};
  model.answers = {{3U + 'a'}, {3U + 'b'}};
  tulu::chat_session chat{model, tokens, tulu::chat::tulu_template{}};
  const tulu::test::temp_dir folder;
  const auto path = folder.path() / "s.json";
  chat.reply("Hi");
  tulu::save_session(chat, path);

  tulu::chat_session other{model, tokens, tulu::chat::tulu_template{}};
  CHECK(tulu::load_session(other, path) == "tulu");
  CHECK(other.reply("So").text == "b");
  CHECK(other.messages().size() == 4);
  CHECK(other.messages()[1].content == "a");

  tulu::session_state bad = full_state();
  bad.options.sampling.logit_bias = {{70'000, 1.0F}};
  tulu::save_session(bad, path);
  const std::string message = tulu::test::message_of([&] { tulu::load_session(other, path); });
  CHECK(message.find("s.json: logit_bias: expected an id below") != std::string::npos);
  CHECK(other.messages().size() == 4);
}

TEST_CASE("a session file is known by its mark and read by its owner alone") {
  const tulu::test::temp_dir dir;
  const std::filesystem::path path = dir.path() / "talk.json";
  CHECK_FALSE(tulu::is_session_file(path));
  tulu::save_session(full_state(), path);
  CHECK(tulu::is_session_file(path));
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  tulu::test::write_file(path, R"({"messages": [], "tulu_session": 2})");
  CHECK(tulu::is_session_file(path));
  for (const char* other : {"", "notes", "{}", "[\"tulu_session\"]", "\"tulu_session\"", "{\"tulu_session\": 1"}) {
    tulu::test::write_file(path, other);
    CHECK_FALSE_MESSAGE(tulu::is_session_file(path), other);
  }
  CHECK_FALSE(tulu::is_session_file(dir.path()));
}

}  // namespace session_file_test
