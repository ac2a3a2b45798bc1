#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/chat_goldens.hpp"
#include <tulu/chat/template_of_jinja.hpp>

using tulu::chat::joined_text;
using tulu::chat::template_of_jinja;

namespace {

std::string jinja_of(const std::string& name) {
  return tulu::test::read_file(std::filesystem::path{TULU_TEST_DATA} / "chat/jinja" / (name + ".jinja"));
}

}  // namespace

TEST_CASE("template_of_jinja: the templates of published models give the texts that transformers makes of them") {
  for (const auto& each : std::vector<std::pair<std::string, std::string>>{{"tulu2", "tulu"},
                                                                           {"tulu3", "tulu3"},
                                                                           {"llama3", "llama3"},
                                                                           {"llama31", "llama3"},
                                                                           {"chatml", "chatml"},
                                                                           {"smollm2", "chatml"},
                                                                           {"zephyr", "zephyr"}}) {
    CAPTURE(each.first);
    const auto format = template_of_jinja(jinja_of(each.first));
    REQUIRE(format.has_value());
    CHECK(format->name() == each.second);
    for (const tulu::test::chat_golden& golden : tulu::test::chat_goldens(each.first)) {
      const std::string text = joined_text(format->render(golden.messages, golden.add_generation_prompt));
      // The tokens of EOS differ between the models; the originals were asked with `</s>`.
      CHECK(text == golden.text);
    }
  }
}

TEST_CASE("template_of_jinja: ChatML's default system message is the one in a literal, with either newline") {
  const auto system_of = [](std::string_view jinja) {
    const auto format = template_of_jinja(jinja);
    const std::vector<tulu::chat::message> hello{{tulu::chat::role::user, "Hi"}};
    const std::string text = joined_text(format.value().render(hello, false));
    return text.substr(0, text.find("<|im_start|>user"));
  };
  CHECK(system_of("{{ '<|im_start|>' + x }}").empty());
  CHECK(system_of("{{ '<|im_start|>system\\n' + m['content'] + '<|im_end|>\\n' }}").empty());
  CHECK(system_of("{{ '<|im_start|>system\\n' }}").empty());
  CHECK(system_of(
            "{{ '<|im_start|>system\\n' + m + '<|im_end|>' }}{{ '<|im_start|>system\\nYou are Q.<|im_end|>\\n' }}") ==
        "<|im_start|>system\nYou are Q.<|im_end|>\n");
  CHECK(system_of("'<|im_start|>system\nA\\nB<|im_end|>\n'") == "<|im_start|>system\nA\nB<|im_end|>\n");
}

TEST_CASE("template_of_jinja: formats that are not the library's are none") {
  for (const std::string_view jinja :
       {"", "{{ message['content'] }}", "{{'<|user|>' + x + '<|end|>' + '<|assistant|>'}}", "<start_of_turn>user"})
    CHECK_FALSE(template_of_jinja(jinja).has_value());
}
