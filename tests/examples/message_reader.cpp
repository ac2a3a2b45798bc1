#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <examples/support/message_reader.hpp>

namespace message_reader_test {

using cli::line_status;

/// Hands over given lines, then the end; keeps the prompts it was asked with and what it was to remember.
class given_lines : public cli::line_reader {
 public:
  explicit given_lines(std::vector<cli::input_line> lines) : lines_{std::move(lines)} {}

  cli::input_line read(std::string_view prompt) override {
    prompts += prompt;
    return at_ < lines_.size() ? lines_[at_++] : cli::input_line{};
  }
  void remember(const std::string& text) override { remembered.push_back(text); }

  std::string prompts{};
  std::vector<std::string> remembered{};

 private:
  std::vector<cli::input_line> lines_;
  std::size_t at_ = 0;
};

given_lines typed(const std::vector<std::string>& texts) {
  std::vector<cli::input_line> lines;
  for (const std::string& text : texts) lines.push_back({line_status::read, text});
  return given_lines{std::move(lines)};
}

TEST_CASE("a line is a message, and then comes the end") {
  given_lines lines = typed({"one", ""});
  cli::message_reader messages{lines};
  const cli::input_message first = messages.next();
  CHECK(first.status == line_status::read);
  CHECK(first.text == "one");
  CHECK_FALSE(first.literal);
  CHECK(messages.next().text == "");
  CHECK(messages.next().status == line_status::end);
  CHECK(lines.remembered == std::vector<std::string>{"one"});
  CHECK(lines.prompts == ">>> >>> >>> ");
}

TEST_CASE("a backslash goes on with the next line") {
  given_lines lines = typed({"one\\", "\\", "  two\\\\", "\"\"\"", "next"});
  cli::message_reader messages{lines};
  CHECK(messages.next().text == "one\n\n  two\\\n\"\"\"");
  CHECK(messages.next().text == "next");
  CHECK(lines.prompts == ">>> ... ... ... >>> ");
}

TEST_CASE("a block stands between two lines of quotes") {
  given_lines lines = typed({"\"\"\"", "/help", "", "a\\", " \"\"\"x", "\"\"\" ", "\"\"\"", "\"\"\"", "next"});
  cli::message_reader messages{lines};
  const cli::input_message block = messages.next();
  CHECK(block.text == "/help\n\na\\\n \"\"\"x");
  CHECK(block.literal);
  const cli::input_message empty = messages.next();
  CHECK(empty.text.empty());
  CHECK(empty.literal);
  CHECK(messages.next().text == "next");
}

TEST_CASE("a block comes back from the history as it was") {
  for (const std::string text : {"/help", "a\nb\\", "\\", "/"}) {
    given_lines lines = typed({"\"\"\"", text, "\"\"\""});
    CHECK(cli::message_reader{lines}.next().text == text);
    REQUIRE(lines.remembered.size() == 1);
    given_lines again = typed(lines.remembered);
    const cli::input_message message = cli::message_reader{again}.next();
    CHECK(message.text == text);
    CHECK(message.literal);
    CHECK(again.remembered == lines.remembered);
  }
  CHECK_FALSE(cli::block_in_line("\"\"\"\n\"\"\"").has_value());
  CHECK(cli::block_in_line("\"\"\"\n\n\"\"\"") == "");
}

TEST_CASE("pasted lines stay together, without the line ends at their end") {
  given_lines lines = typed({"one\n\ntwo\\\nthree\n\n"});
  CHECK(cli::message_reader{lines}.next().text == "one\n\ntwo\\\nthree");
}

TEST_CASE("Ctrl-C drops what was begun, and is told only where nothing was") {
  given_lines lines{{{line_status::interrupted, "half"},
                     {line_status::read, "one\\"},
                     {line_status::interrupted, ""},
                     {line_status::read, "\"\"\""},
                     {line_status::interrupted, ""},
                     {line_status::read, "whole"},
                     {line_status::interrupted, ""}}};
  cli::message_reader messages{lines};
  CHECK(messages.next().text == "whole");
  CHECK(messages.next().status == line_status::interrupted);
  CHECK(lines.remembered == std::vector<std::string>{"whole"});
}

TEST_CASE("the end within a message is the end") {
  given_lines lines = typed({"one\\"});
  CHECK(cli::message_reader{lines}.next().status == line_status::end);
}

}  // namespace message_reader_test
