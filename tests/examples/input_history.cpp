#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <examples/support/input_history.hpp>

#include "support/temp_dir.hpp"

namespace input_history_test {

using lines = std::vector<std::string>;

TEST_CASE("what was appended is loaded again, oldest first, line ends included") {
  const tulu::test::temp_dir dir;
  const auto file = dir.path() / "state" / "tulu" / "chat_history";
  const cli::input_history history{file};
  CHECK(history.load().empty());
  const lines texts{"one", "two\nlines \\", "\\n", "Gr\u00f6\u00dfe"};
  for (const std::string& text : texts) history.append(text);
  CHECK(history.load() == texts);
  CHECK(cli::input_history{file}.load() == texts);
  const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  CHECK((std::filesystem::status(file).permissions() & others) == std::filesystem::perms::none);
}

TEST_CASE("a long history is cut when it is loaded") {
  const tulu::test::temp_dir dir;
  const auto file = dir.path() / "history";
  std::string content;
  const std::size_t count = 2 * cli::input_history::longest + 1;
  for (std::size_t i = 0; i < count; ++i) content += std::to_string(i) + '\n';
  tulu::test::write_file(file, content);
  const lines loaded = cli::input_history{file}.load();
  REQUIRE(loaded.size() == cli::input_history::longest);
  CHECK(loaded.front() == std::to_string(count - cli::input_history::longest));
  CHECK(loaded.back() == std::to_string(count - 1));
  CHECK(tulu::test::read_file(file).starts_with(loaded.front() + "\n"));
  CHECK(cli::input_history{file}.load() == loaded);
}

TEST_CASE("a history that cannot be kept is empty") {
  const cli::input_history nowhere{std::nullopt};
  nowhere.append("lost");
  CHECK(nowhere.load().empty());
  const tulu::test::temp_dir dir;
  tulu::test::write_file(dir.path() / "file", "");
  const cli::input_history below{dir.path() / "file" / "history"};
  below.append("lost");
  CHECK(below.load().empty());
}

}  // namespace input_history_test
