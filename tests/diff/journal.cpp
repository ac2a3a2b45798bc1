#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/diff/journal.hpp>

using namespace tulu;

TEST_CASE("a journal is read back, without the line that a kill tore") {
  const test::temp_dir dir;
  const diff::identity what{{"dtype", "F16"}, {"base/model.safetensors", "12 bytes"}};
  CHECK_FALSE(diff::load_journal(dir.path()));
  {
    diff::journal log{dir.path(), what, {"a.safetensors", "config.json"}, false};
    log.record("a.safetensors", {"ab", {"cd", "ef"}});
    CHECK(test::message_of([&] {
            diff::journal second{dir.path(), what, {}, true};
          }).find("another one at work") != std::string::npos);
  }
  const std::string whole = test::read_file(dir.path() / diff::journal_name);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    test::write_file(dir.path() / diff::journal_name, whole.substr(0, length));
    const auto content = diff::load_journal(dir.path());
    const std::size_t lines =
        static_cast<std::size_t>(std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
    CHECK(content.has_value() == (lines > 0));
    if (!content) continue;
    CHECK(content->identity == what);
    CHECK(content->records.size() == lines - 1);
    CHECK(content->files == std::set<std::string>{"a.safetensors", "config.json"});
    diff::journal log{dir.path(), what, {}, true};
    log.record("b.safetensors", {"01", {}});
    CHECK(diff::load_journal(dir.path())->records.size() == lines);
  }
}

TEST_CASE("the first difference of two identities names what differs") {
  CHECK(diff::first_difference({{"a", "1"}, {"b", "2"}}, {{"b", "2"}, {"a", "1"}}).empty());
  CHECK(diff::first_difference({{"a", "1"}}, {{"a", "2"}}) == "a: expected 1, found 2");
  CHECK(diff::first_difference({{"a", "1"}}, {}) == "a: expected 1, found none");
  CHECK(diff::first_difference({}, {{"a", "1"}}) == "a: expected none, found 1");
}
