#include <initializer_list>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <examples/support/answer_printer.hpp>

namespace answer_printer_test {

/// What is on stdout after an answer that came in these parts.
std::string printed(std::initializer_list<std::string_view> parts, bool on_terminal = false) {
  std::ostringstream out;
  std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
  cli::answer_printer print{on_terminal};
  for (const std::string_view part : parts) print(part);
  print.finish();
  std::cout.rdbuf(before);
  return out.str();
}

TEST_CASE("an answer ends with one newline, whatever it ends with") {
  CHECK(printed({}) == "\n");
  CHECK(printed({"ok"}) == "ok\n");
  CHECK(printed({"o", "k\n"}) == "ok\n");
  CHECK(printed({"ok", "\n", "\n"}) == "ok\n");
  CHECK(printed({"a\n", "\nb", "\n\n"}) == "a\n\nb\n");
  CHECK(printed({"\n", "a"}) == "\na\n");
}

TEST_CASE("a terminal gets no control characters, a file gets all") {
  const std::string text = "a\tb\x1b[2J\x7f\u009b\u00e9\u53cb\n\nc";
  CHECK(cli::harmless(text) == "a\tb\ufffd[2J\ufffd\ufffd\u00e9\u53cb\n\nc");
  CHECK(printed({text}) == text + "\n");
  CHECK(printed({text}, true) == cli::harmless(text) + "\n");
}

}  // namespace answer_printer_test
