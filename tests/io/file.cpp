#include <array>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/file.hpp>
#include <tulu/io/mapped_file.hpp>

using tulu::test::message_of;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace file_test {

namespace io = tulu::io;

std::string read(const io::file& source, std::size_t offset, std::size_t count) {
  std::string out(count, '\0');
  source.read(offset, std::as_writable_bytes(std::span{out}));
  return out;
}

TEST_CASE("file: size, path and bytes at any offset") {
  const temp_dir dir;
  write_file(dir.path() / "f", "0123456789");
  const io::file source{dir.path() / "f"};
  CHECK(source.path() == dir.path() / "f");
  CHECK(source.size() == 10);
  CHECK(source.modified_ns() > 1'500'000'000'000'000'000);
  CHECK(read(source, 7, 3) == "789");
  CHECK(read(source, 0, 10) == "0123456789");
  CHECK(read(source, 10, 0).empty());
}

TEST_CASE("file: reading past the end throws and names the file") {
  const temp_dir dir;
  write_file(dir.path() / "f", "0123456789");
  const io::file source{dir.path() / "f"};
  const std::string text = message_of([&] { static_cast<void>(read(source, 8, 3)); });
  CHECK(text.starts_with((dir.path() / "f").string() + ": byte 10: expected 1 more bytes"));
}

TEST_CASE("file: what cannot be opened or is no regular file is named") {
  const temp_dir dir;
  const auto absent = dir.path() / "absent";
  CHECK(message_of([&] { io::file{absent}; }) == absent.string() + ": cannot open: No such file or directory");
  CHECK(message_of([&] { io::file{dir.path()}; }) ==
        dir.path().string() + ": expected a regular file, found something else");
}

TEST_CASE("file: a pipe without a writer is refused, not waited for") {
  const temp_dir dir;
  const auto path = dir.path() / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(message_of([&] { io::file{path}; }).find("expected a regular file") != std::string::npos);
}

TEST_CASE("mapped_file: shows the file, also when it is empty, and moves") {
  const temp_dir dir;
  write_file(dir.path() / "f", "abc");
  write_file(dir.path() / "empty", "");
  io::mapped_file map{io::file{dir.path() / "f"}};
  const std::byte* const address = map.bytes().data();
  const io::mapped_file moved{std::move(map)};
  CHECK(moved.bytes().size() == 3);
  CHECK(moved.bytes().data() == address);
  CHECK(moved.bytes()[2] == std::byte{'c'});
  CHECK(io::mapped_file{io::file{dir.path() / "empty"}}.bytes().empty());
}

TEST_CASE("descriptor: the one moved from owns nothing") {
  const temp_dir dir;
  write_file(dir.path() / "f", "abc");
  io::descriptor first{::open((dir.path() / "f").c_str(), O_RDONLY | O_CLOEXEC)};
  REQUIRE(first.valid());
  const int number = first.get();
  const io::descriptor second{std::move(first)};
  CHECK(second.get() == number);
  CHECK_FALSE(first.valid());  // NOLINT(bugprone-use-after-move)
}

}  // namespace file_test
