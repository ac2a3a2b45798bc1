#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <examples/support/slash_commands.hpp>

namespace slash_commands_test {

std::string word_of(std::string_view message) {
  const auto line = cli::parse_command(message);
  return line ? std::string{line->word} + "|" + std::string{line->argument} : "none";
}

TEST_CASE("a command is a slash and a word, alone or before whitespace") {
  CHECK(word_of("/help") == "help|");
  CHECK(word_of("/help  \n") == "help|");
  CHECK(word_of("/set top-p 0.9") == "set|top-p 0.9");
  CHECK(word_of("/system  Be\n brief. \n") == "system|Be\n brief.");
  CHECK(word_of("/system \"\"") == "system|\"\"");
  CHECK(word_of("/?") == "?|");
  for (const char* message : {"", "/", "/ help", "help", " /help", "//help", "/usr/bin", "/a.b", "/2", "/Help"})
    CHECK_MESSAGE(word_of(message) == "none", message);
}

TEST_CASE("a second slash stands for a first") {
  CHECK(cli::without_escape("//help") == "/help");
  CHECK(cli::without_escape("///") == "//");
  CHECK(cli::without_escape("/usr//bin") == "/usr//bin");
  CHECK(cli::without_escape("") == "");
}

TEST_CASE("every command is found by its word, and no word twice") {
  std::set<std::string_view> words;
  for (const cli::command_entry& entry : cli::commands) {
    CHECK(words.insert(entry.word).second);
    REQUIRE(cli::find_command(entry.word) != nullptr);
    CHECK(cli::find_command(entry.word)->what == entry.what);
    CHECK(cli::nearest_command(entry.word) == entry.word);
    CHECK(cli::parse_command("/" + std::string{entry.word}).has_value());
  }
  CHECK(cli::find_command("hlep") == nullptr);
  CHECK(cli::find_command("") == nullptr);
}

TEST_CASE("the distance of two words counts what is put in, left out and changed") {
  CHECK(cli::edit_distance("", "") == 0);
  CHECK(cli::edit_distance("", "abc") == 3);
  CHECK(cli::edit_distance("abc", "") == 3);
  CHECK(cli::edit_distance("abc", "abc") == 0);
  CHECK(cli::edit_distance("kitten", "sitting") == 3);
  CHECK(cli::edit_distance("flaw", "lawn") == 2);
  CHECK(cli::edit_distance("hlep", "help") == 2);
}

TEST_CASE("the nearest command is the one that begins so, else the one with the fewest changes") {
  CHECK(cli::nearest_command("hlep") == "help");
  CHECK(cli::nearest_command("und") == "undo");
  CHECK(cli::nearest_command("re") == "regen");
  CHECK(cli::nearest_command("regenerate") == "regen");
  CHECK(cli::nearest_command("clera") == "clear");
  CHECK(cli::nearest_command("qiut") == "quit");
}

TEST_CASE("the help names every command once") {
  const std::string help = cli::command_help();
  for (const cli::command_entry& entry : cli::commands)
    CHECK(help.find("/" + std::string{entry.word}) != std::string::npos);
}

}  // namespace slash_commands_test
