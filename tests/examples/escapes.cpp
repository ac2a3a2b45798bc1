#include <string>

#include <doctest/doctest.h>
#include <examples/support/escapes.hpp>

TEST_CASE("a text on one line is read as what it was") {
  const std::string texts[] = {"",          "a", "a\nb", "\\", "\\n", "\\\n", "a\r\n\tb\\\\n", "Gr\u00f6\u00dfe\n",
                               "\n\n\\\\\n"};
  for (const std::string& text : texts) {
    const std::string line = cli::escaped(text);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(cli::unescaped(line) == text);
  }
  CHECK(cli::escaped("a\tb\\c\n") == "a\\tb\\\\c\\n");
}

TEST_CASE("a backslash before anything else is one") {
  CHECK(cli::unescaped("\\") == "\\");
  CHECK(cli::unescaped("a\\x") == "a\\x");
  CHECK(cli::unescaped("\\\\n") == "\\n");
}
