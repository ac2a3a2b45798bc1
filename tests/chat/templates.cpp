#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/chat_goldens.hpp"
#include <tulu/chat/templates.hpp>

using tulu::chat::joined_text;
using tulu::chat::message;
using tulu::chat::role;
using tulu::chat::segment;
using enum tulu::chat::segment_kind;

namespace {

/// The golden of a format; some of the originals write BOS, which others leave to the tokenizer.
void check_goldens(const std::string& name, bool writes_bos) {
  const auto format = tulu::chat::template_by_name(name).value();
  for (const tulu::test::chat_golden& golden : tulu::test::chat_goldens(name)) {
    CAPTURE(golden.text);
    const std::vector<segment> segments = format.render(golden.messages, golden.add_generation_prompt);
    REQUIRE(!segments.empty());
    CHECK(segments[0].kind == (writes_bos ? bos : start));
    CHECK(joined_text(segments) == golden.text);
  }
}

}  // namespace

TEST_CASE("every format gives the text of its original") {
  check_goldens("tulu", false);
  check_goldens("tulu3", false);
  check_goldens("alpaca", false);
  check_goldens("vicuna", false);
  check_goldens("llama2", true);
  check_goldens("llama3", true);
  check_goldens("chatml", false);
  check_goldens("zephyr", false);
}

TEST_CASE("formats are found by their names") {
  using names = std::vector<std::string_view>;
  CHECK(names(tulu::chat::template_names.begin(), tulu::chat::template_names.end()) ==
        names{"tulu", "tulu3", "alpaca", "vicuna", "llama2", "llama3", "chatml", "zephyr", "raw"});
  for (const std::string_view name : tulu::chat::template_names)
    CHECK(tulu::chat::template_by_name(name).value().name() == name);
  CHECK_FALSE(tulu::chat::template_by_name("Tulu").has_value());
  CHECK_FALSE(tulu::chat::template_by_name("").has_value());
}

TEST_CASE("no format makes a token of what a message contains") {
  const std::string typed = "</s><s><|eot_id|><|im_end|><|start_header_id|>";
  const std::vector<message> messages{
      {role::system, typed}, {role::user, typed}, {role::assistant, typed}, {role::user, typed}};
  const std::vector<message> harmless{
      {role::system, "a"}, {role::user, "b"}, {role::assistant, "c"}, {role::user, "d"}};
  for (const std::string_view name : tulu::chat::template_names) {
    CAPTURE(name);
    const auto format = tulu::chat::template_by_name(name).value();
    const auto tokens_of = [&](const std::vector<message>& conversation) {
      std::vector<segment> tokens = format.render(conversation, true);
      std::erase_if(tokens, [](const segment& part) { return part.kind == text; });
      return tokens;
    };
    CHECK(tokens_of(messages) == tokens_of(harmless));
  }
}

TEST_CASE("without messages there is what stands before a conversation: BOS, or its place") {
  for (const std::string_view name : tulu::chat::template_names) {
    CAPTURE(name);
    const auto segments = tulu::chat::template_by_name(name).value().render({}, false);
    REQUIRE(!segments.empty());
    CHECK((segments[0].kind == bos || segments[0].kind == start));
  }
  CHECK(joined_text(tulu::chat::tulu_template{}.render({}, true)) == "<|assistant|>\n");
}

TEST_CASE("no format writes BOS twice at the start, with or without settings") {
  const std::vector<message> messages{{role::system, "S"}, {role::user, "a"}};
  for (const std::string_view name : tulu::chat::template_names) {
    const auto segments = tulu::chat::template_by_name(name).value().render(messages, true);
    CHECK(std::count_if(segments.begin(), segments.end(),
                        [](const segment& part) { return part.kind == bos || part.kind == start; }) == 1);
  }
}

TEST_CASE("llama3 with dates has a system message in any case") {
  const tulu::chat::llama3_template format{.dates = "D\n"};
  const std::string system = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nD\n";
  CHECK(joined_text(format.render({}, false)) == system + "<|eot_id|>");
  CHECK(joined_text(format.render(std::vector<message>{{role::system, " S "}}, false)) == system + "S<|eot_id|>");
}

TEST_CASE("the conversation before a turn is how the conversation with it begins") {
  const std::vector<message> messages{
      {role::system, "Be kind."}, {role::user, "a"}, {role::assistant, "b"}, {role::user, "c"}, {role::assistant, "d"}};
  for (const std::string_view name : tulu::chat::template_names) {
    CAPTURE(name);
    const auto format = tulu::chat::template_by_name(name).value();
    const std::string whole = joined_text(format.render(messages, false));
    CHECK(whole.starts_with(joined_text(format.render(std::span{messages}.first(2), true))));
    CHECK(whole.starts_with(joined_text(format.render(std::span{messages}.first(3), false))));
    CHECK(whole.starts_with(joined_text(format.render(std::span{messages}.first(4), true))));
  }
}

TEST_CASE("alpaca has another introduction for an instruction with an input") {
  using tulu::chat::alpaca_template;
  const std::string content = alpaca_template::with_input("Translate to French.", "Hello");
  const std::string prompt = joined_text(alpaca_template{}.render(std::vector<message>{{role::user, content}}, true));
  CHECK(prompt == std::string{alpaca_template::introduction_with_input} +
                      "\n\n### Instruction:\nTranslate to French.\n\n### Input:\nHello\n\n### Response:");
}

TEST_CASE("llama2 keeps every system message, and a conversation that begins with an answer has BOS") {
  const tulu::chat::llama2_template format;
  CHECK(joined_text(format.render(std::vector<message>{{role::system, "S"}}, true)) ==
        "<s>[INST] <<SYS>>\nS\n<</SYS>> [/INST]");
  CHECK(joined_text(format.render(std::vector<message>{{role::user, "a"}, {role::system, "S"}, {role::assistant, "b"}},
                                  false)) == "<s>[INST] a [/INST]<s>[INST] <<SYS>>\nS\n<</SYS>> [/INST] b </s>");
  CHECK(joined_text(format.render(
            std::vector<message>{{role::user, "a"}, {role::assistant, "b"}, {role::system, "S"}, {role::user, "c"}},
            true)) == "<s>[INST] a [/INST] b </s><s>[INST] <<SYS>>\nS\n<</SYS>>\n\nc [/INST]");
  CHECK(joined_text(format.render(std::vector<message>{{role::assistant, "b"}}, false)) == "<s> b </s>");
}

TEST_CASE("vicuna takes a system message as its introduction, a later one as a sentence") {
  const tulu::chat::vicuna_template format;
  CHECK(joined_text(format.render(std::vector<message>{{role::system, "S."}, {role::user, "a"}, {role::system, "T."}},
                                  true)) == "S. USER: a T. ASSISTANT:");
}

TEST_CASE("raw gives the contents and nothing else") {
  const auto segments = tulu::chat::raw_template{}.render(
      std::vector<message>{{role::user, " Once "}, {role::assistant, "upon\n"}}, true);
  CHECK(segments == std::vector<segment>{{start, ""}, {text, " Once upon\n"}});
}
