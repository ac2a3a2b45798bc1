#include <cmath>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include "support/scripted_model.hpp"
#include "support/temp_dir.hpp"
#include <tulu/generation/generator.hpp>

namespace generator_test {

using ids = std::vector<tulu::token_id>;
using texts = std::vector<std::string>;

constexpr tulu::token_id eos = 2;
/// The byte piece of `byte`.
constexpr tulu::token_id byte_id(unsigned char byte) {
  return 3U + byte;
}
constexpr tulu::token_id first_word = 259;

/// Ids 259, 260, …: "ab", "c", " d", "e".
const tulu::tokenizer& words() {
  static const tulu::tokenizer made = tulu::test::tokenizer_of(tulu::test::llama_proto({"ab", "c", "\u2581d", "e"}));
  return made;
}
constexpr tulu::token_id ab = first_word, c = first_word + 1, d = first_word + 2, e = first_word + 3;

const ids prompt{1, c, c};

/// The least that generation needs of a model.
struct stepping_model : private tulu::test::scripted_model {
  using scripted_model::config, scripted_model::make_cache, scripted_model::prefill, scripted_model::scripted_model,
      scripted_model::step, scripted_model::vocab_size;
};

struct fixture {
  explicit fixture(std::vector<ids> answers, std::size_t context = 64) : model{words().size(), context} {
    model.answers = std::move(answers);
    options.sampling.temperature = 0;
  }
  tulu::generation_result answer(std::stop_token stop = {}) {
    tulu::generator generator{model, words(), options};
    parts.clear();
    return generator.generate(
        prompt,
        [this](const tulu::generated_piece& piece) {
          pieces.push_back(piece.id);
          bytes += piece.bytes;
          parts.emplace_back(piece.text);
          return !on_piece || on_piece();
        },
        stop);
  }

  tulu::test::scripted_model model;
  tulu::generation_options options{};
  std::function<bool()> on_piece{};
  ids pieces{};
  std::string bytes{};
  texts parts{};
};

TEST_CASE("an answer goes on to the stop token, which gives no text") {
  fixture f{{{ab, c, d}}};
  const tulu::generation_result result = f.answer();
  CHECK(result.text == "abc d");
  CHECK(result.ids == ids{ab, c, d});
  CHECK(result.reason == tulu::end_reason::stop_token);
  CHECK(f.pieces == ids{ab, c, d, eos});
  CHECK(f.parts == texts{"ab", "c", " d", ""});
  CHECK(result.stats.prompt_tokens == 3);
  CHECK(result.stats.reused_tokens == 0);
  CHECK(result.stats.new_tokens == 4);
  CHECK(result.stats.decode_steps == 3);
  CHECK(f.model.steps == 3);
}

TEST_CASE("a callback that takes text gets the parts that are not empty") {
  fixture f{{{byte_id(0xC3), byte_id(0xA9), ab}}};
  tulu::generator generator{f.model, words(), f.options};
  texts parts;
  const auto result = generator.generate(prompt, [&](std::string_view text) {
    parts.emplace_back(text);
    return true;
  });
  CHECK(parts == texts{"\u00e9", "ab"});
  CHECK(result.text == "\u00e9ab");
}

TEST_CASE("the bytes of a character wait until it is whole") {
  fixture f{{{byte_id(0xE2), byte_id(0x82), byte_id(0xAC), c, byte_id(0xFF), c}}};
  const tulu::generation_result result = f.answer();
  CHECK(f.parts == texts{"", "", "\u20ac", "c", "\ufffd", "c", ""});
  CHECK(f.bytes ==
        "\xE2\x82\xAC"
        "c\xFF"
        "c");
  CHECK(result.text == "\u20acc\ufffdc");
}

TEST_CASE("a character that is never completed becomes U+FFFD at the end") {
  fixture f{{{ab, byte_id(0xE2)}}};
  CHECK(f.answer().text == "ab\ufffd");
  CHECK(f.parts == texts{"ab", "", "\ufffd"});
}

TEST_CASE("a stop string across tokens ends the answer and is not in it") {
  fixture f{{{e, ab, c, d, e}}};
  f.options.stop = {"zz", "bc d"};
  const tulu::generation_result result = f.answer();
  CHECK(result.text == "ea");
  CHECK(result.reason == tulu::end_reason::stop_string);
  CHECK(result.stop_string == "bc d");
  CHECK(f.parts == texts{"e", "a", "", ""});
  CHECK(f.model.steps == 3);
}

TEST_CASE("what could have been a stop string comes with the last token") {
  fixture f{{{e, ab, c}}};
  f.options.stop = {"bc d"};
  const tulu::generation_result result = f.answer();
  CHECK(f.parts == texts{"e", "a", "", "bc"});
  CHECK(result.text == "eabc");
  CHECK(result.reason == tulu::end_reason::stop_token);
}

TEST_CASE("max_new_tokens ends the answer with all its text") {
  fixture f{{{e, ab, c}}};
  f.options.stop = {"bc"};
  f.options.max_new_tokens = 2;
  const tulu::generation_result result = f.answer();
  CHECK(result.text == "eab");
  CHECK(result.reason == tulu::end_reason::max_new_tokens);
  CHECK(f.model.steps == 1);
}

TEST_CASE("max_new_tokens of 0 computes nothing") {
  fixture f{{{e}}};
  f.options.max_new_tokens = 0;
  CHECK(f.answer().reason == tulu::end_reason::max_new_tokens);
  CHECK(f.pieces.empty());
  CHECK(f.model.prefilled.empty());
}

TEST_CASE("a full context ends the answer with the token that has no room") {
  fixture f{{{c, c, c, c, c}}, 5};
  const tulu::generation_result result = f.answer();
  CHECK(result.text == "ccc");
  CHECK(result.reason == tulu::end_reason::context_full);
}

TEST_CASE("a prompt as long as the context gets one token") {
  fixture f{{{c, c}}, 3};
  CHECK(f.answer().ids == ids{c});
}

TEST_CASE("the callback ends the answer, and keeps what it was given") {
  fixture f{{{c, ab, c}}};
  f.options.stop = {"bc"};
  f.on_piece = [&] { return f.parts.size() < 2; };
  const tulu::generation_result result = f.answer();
  CHECK(result.text == "ca");
  CHECK(result.ids == ids{c, ab});
  CHECK(result.reason == tulu::end_reason::callback);
}

TEST_CASE("a stop request during decode keeps the answer so far") {
  fixture f{{{c, ab, c}}};
  std::stop_source source;
  f.on_piece = [&] { return f.parts.size() < 2 || source.request_stop(); };
  const tulu::generation_result result = f.answer(source.get_token());
  CHECK(result.text == "cab");
  CHECK(result.reason == tulu::end_reason::cancelled);
  CHECK(f.model.steps == 1);
}

TEST_CASE("a stop request during prefill gives an empty answer") {
  fixture f{{{c}}};
  std::stop_source source;
  f.model.before_pass = [&] { source.request_stop(); };
  const tulu::generation_result result = f.answer(source.get_token());
  CHECK(result.reason == tulu::end_reason::cancelled);
  CHECK(result.ids.empty());
  CHECK(f.pieces.empty());
}

TEST_CASE("prompts that cannot be computed are refused") {
  fixture f{{}, 4};
  tulu::generator generator{f.model, words(), f.options};
  const auto message = [&](const ids& tokens) { return tulu::test::message_of([&] { generator.generate(tokens); }); };
  CHECK(message({}) == "prompt: expected at least one token, found an empty prompt");
  CHECK(message(ids(5, c)) == "prompt: expected at most 4 tokens, the size of the context, found 5 tokens");
  CHECK(message({9999}) == "scripted model: id 9999");
  CHECK(generator.generate(prompt).reason == tulu::end_reason::stop_token);
}

TEST_CASE("a prompt that begins like what was computed costs only the rest") {
  fixture f{{{ab, c}, {e}, {e}}};
  tulu::generator generator{f.model, words(), f.options};
  generator.generate(prompt);
  const ids longer{1, c, c, ab, c, eos, d};
  CHECK(generator.generate(longer).stats.reused_tokens == 5);
  CHECK(generator.generate(longer).stats.reused_tokens == 6);
  CHECK(f.model.prefilled == std::vector<std::size_t>{3, 2, 1});
}

TEST_CASE("after an exception of the callback the generator goes on") {
  fixture f{{{ab}, {ab}}};
  tulu::generator generator{f.model, words(), f.options};
  CHECK_THROWS_AS(generator.generate(prompt, [](std::string_view) -> bool { throw tulu::error{"mine"}; }), tulu::error);
  CHECK(generator.generate(prompt).text == "ab");
}

TEST_CASE("stop tokens are the model's and the tokenizer's unless they are given") {
  fixture f{{{c, e, eos, c}}};
  f.model.config().eos_token_ids = {e};
  CHECK(f.answer().text == "c");
  f.model.prefilled.clear();
  f.options.stop_tokens = ids{};
  f.options.max_new_tokens = 4;
  CHECK(f.answer().ids == ids{c, e, eos, c});
}

TEST_CASE("rows of lm_head without a piece are never chosen") {
  tulu::test::scripted_model model{words().size() + 3};
  model.answers = {{static_cast<tulu::token_id>(words().size() + 1)}};
  tulu::generation_options options;
  options.sampling.temperature = 0;
  options.max_new_tokens = 1;
  CHECK(tulu::generator{model, words(), options}.generate(prompt).ids == ids{0});
}

TEST_CASE("log-probabilities come with each token") {
  fixture f{{{c}}};
  f.options.sampling.top_logprobs = 2;
  tulu::generator generator{f.model, words(), f.options};
  std::vector<float> found;
  generator.generate(prompt, [&](const tulu::generated_piece& piece) {
    REQUIRE(piece.top.size() == 2);
    CHECK(piece.top[0].id == piece.id);
    CHECK(piece.top[0].logprob == piece.logprob);
    found.push_back(piece.logprob);
    return true;
  });
  const double expected = -std::log1p(static_cast<double>(words().size() - 1) * std::exp(-20.0));
  REQUIRE(found.size() == 2);
  CHECK(found[0] == doctest::Approx(expected).epsilon(1e-3));
}

TEST_CASE("the penalties count the prompt and the answer") {
  fixture f{{{c, c, c}}};
  f.options.sampling.presence_penalty = 30;
  CHECK(f.answer().ids.front() != c);
}

TEST_CASE("a new seed starts the random numbers anew, and bad options change nothing") {
  fixture f{{}};
  tulu::generator generator{f.model, words(), f.options};
  generator.random().next();
  const tulu::rng before = generator.random();
  tulu::generation_options options = f.options;
  options.stop = {""};
  options.sampling.seed = 5;
  CHECK_THROWS_AS(generator.set_options(options), tulu::error);
  CHECK(generator.random() == before);
  options.stop = {};
  options.sampling.top_p = 2;
  CHECK_THROWS_AS(generator.set_options(options), tulu::error);
  CHECK(generator.options().sampling.seed == 0);
  options.sampling.top_p = 1;
  options.lookup = 8;
  CHECK_THROWS_AS(generator.set_options(options), tulu::error);
  options.lookup = 0;
  generator.set_options(options);
  CHECK(generator.random() == tulu::rng{5});
}

TEST_CASE("lookup is for few drafts, greedy decoding and models that give the logits of every token") {
  tulu::generation_options options;
  options.lookup = 1;
  CHECK(tulu::test::message_of([&] { check(options); }) == "lookup: expected 0 unless temperature is 0, found 1");
  options.sampling.temperature = 0;
  options.lookup = 8;
  CHECK(tulu::test::message_of([&] { check(options); }) == "lookup: expected 0 to 7 tokens, found 8");
  options.lookup = 7;
  CHECK_NOTHROW(check(options));
  stepping_model model{words().size()};
  tulu::generator<stepping_model> generator{model, words()};
  CHECK(generator.generate(prompt).reason == tulu::end_reason::stop_token);
  CHECK(tulu::test::message_of([&] { generator.set_options(options); }) ==
        "lookup: expected 0 for a model without prefill_all, found 7");
  CHECK(generator.options().lookup == 0);
}

}  // namespace generator_test
