#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include "../support/zip_builder.hpp"
#include <tulu/io/zip.hpp>

namespace zip_test {

using tulu::io::zip_archive;
using tulu::test::zip_builder;
using tulu::test::zip_item;

struct scratch {
  tulu::test::temp_dir folder;

  [[nodiscard]] zip_archive open(std::string_view bytes) const {
    const auto path = folder.path() / "a.zip";
    tulu::test::write_file(path, bytes);
    return zip_archive{tulu::io::file{path}};
  }
  [[nodiscard]] std::string error_of(std::string_view bytes) const {
    return tulu::test::message_of([&] { static_cast<void>(open(bytes)); });
  }
};

bool says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

void patch(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
  bytes.replace(at, width, tulu::test::little(value, width));
}

TEST_CASE("zip entries come in the order of the directory, with the place of their data") {
  const scratch s;
  const std::string bytes =
      zip_builder{}.add({"b", "second"}).add({.name = "a/x", .data = "", .local_extra = 33}).finish();
  const zip_archive archive = s.open(bytes);
  REQUIRE(archive.entries().size() == 2);
  CHECK(archive.entries()[0].name == "b");
  CHECK(bytes.substr(archive.entries()[0].offset, archive.entries()[0].size) == "second");
  CHECK(archive.entries()[1].name == "a/x");
  CHECK(archive.entries()[1].size == 0);
  REQUIRE(archive.find("a/x") != nullptr);
  CHECK(archive.find("a/x")->name == "a/x");
  CHECK(archive.find("a") == nullptr);
  CHECK(archive.find("z") == nullptr);
}

TEST_CASE("the data of a zip entry begin after the extra field of the local header") {
  const scratch s;
  const std::string bytes = zip_builder{}.add({.name = "a", .data = "payload", .local_extra = 40}).finish();
  const zip_archive archive = s.open(bytes);
  CHECK(bytes.substr(archive.entries()[0].offset, 7) == "payload");
}

TEST_CASE("a zip archive may be empty, have a comment, and sizes after the data") {
  const scratch s;
  CHECK(s.open(zip_builder{}.finish()).entries().empty());
  CHECK(s.open(zip_builder{}.add({"a", "x"}).finish("PK\5\6 a comment")).entries().size() == 1);
  CHECK(
      s.open(zip_builder{}.add({.name = "a", .data = "xyz", .flags = 8, .local_size = 0}).finish()).entries()[0].size ==
      3);
}

TEST_CASE("zip64 numbers are read from the wide fields") {
  const scratch s;
  const std::string bytes = zip_builder{}.add({.name = "a", .data = "wide", .wide = true}).add({"b", "x"}).finish64();
  const zip_archive archive = s.open(bytes);
  REQUIRE(archive.entries().size() == 2);
  CHECK(bytes.substr(archive.entries()[0].offset, archive.entries()[0].size) == "wide");
}

TEST_CASE("zip entries that are no plain stored files are refused") {
  const scratch s;
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .method = 8}).finish()),
             "entry a: expected a stored entry, found a compressed one (method 8)"));
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .flags = 1}).finish()), "an encrypted one"));
  CHECK(says(s.error_of(zip_builder{}.add({"a", "x"}).add({"a", "y"}).finish()),
             "entry a: expected one entry of that name, found two"));
  CHECK(says(s.error_of(zip_builder{}.add({std::string{"a\0b", 3}, "x"}).finish()), "a name without NUL"));
  CHECK(says(s.error_of(zip_builder{}.add({"", "x"}).finish()), "a name without NUL"));
}

TEST_CASE("a local zip header that contradicts the directory is refused") {
  const scratch s;
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .local_name = "b"}).finish()),
             "a local header that says"));
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .local_size = 2}).finish()),
             "a local header of 1 bytes, found 2"));
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .local_size = 0}).finish()),
             "a local header of 1 bytes, found 0"));
  std::string bytes = zip_builder{}.add({"a", "x"}).finish();
  bytes[0] = 'Q';
  CHECK(says(s.error_of(bytes), "a local header at byte 0"));
}

TEST_CASE("zip entries outside the file or over each other are refused") {
  const scratch s;
  const zip_builder one = zip_builder{}.add({"a", "x"});
  std::string bytes = one.finish();
  patch(bytes, one.directory_offset() + 42, 1U << 20, 4);
  CHECK(says(s.error_of(bytes), "a local header in front of the directory, found byte offset 1048576"));
  CHECK(says(s.error_of(zip_builder{}.add({.name = "a", .data = "x", .local_size = 100, .claimed_size = 100}).finish()),
             "data in front of the directory"));
  const zip_builder two = zip_builder{}.add({"a", std::string(60, 'x')}).add({"b", "y"});
  bytes = two.finish();
  const std::string inner = zip_builder{}.add({"b", "y"}).finish().substr(0, 32);
  bytes.replace(40, inner.size(), inner);
  patch(bytes, two.directory_offset() + 47 + 42, 40, 4);
  CHECK(says(s.error_of(bytes), "entry b: expected bytes of its own, found bytes shared with entry a"));
}

TEST_CASE("bogus numbers in the end record of a zip are refused") {
  const scratch s;
  const std::string bytes = zip_builder{}.add({"a", "x"}).finish();
  const std::size_t end = bytes.size() - 22;
  const auto with = [&](std::size_t at, std::uint64_t value, std::size_t width) {
    std::string copy = bytes;
    patch(copy, end + at, value, width);
    return s.error_of(copy);
  };
  CHECK(says(with(4, 1, 2), "an archive on one disk"));
  CHECK(says(with(8, 7, 2), "an archive on one disk"));
  CHECK(says(with(8, 0x00070007, 4), "a count of entries that fits 47 bytes, found 7"));
  CHECK(says(with(8, 0, 4), "nothing after its 0 entries, found 47 bytes"));
  CHECK(says(with(12, 0xfffffff0, 4), "zip directory"));
  CHECK(says(with(16, 0xfffffff0, 4), "zip directory"));
  CHECK(says(s.error_of(bytes + "trailing"), "trailing bytes"));
  CHECK(says(s.error_of("PK\3\4"), "end record"));
  CHECK(says(s.error_of(""), "end record"));
}

TEST_CASE("absurd zip64 numbers are refused") {
  const scratch s;
  const zip_builder builder = zip_builder{}.add({.name = "a", .data = "wide", .wide = true});
  const std::string bytes = builder.finish64();
  const std::size_t end64 = bytes.size() - 22 - 20 - 56;
  const auto with = [&](std::size_t at, std::uint64_t value) {
    std::string copy = bytes;
    patch(copy, at, value, 8);
    return s.error_of(copy);
  };
  CHECK(says(with(bytes.size() - 22 - 12, ~0ULL), "zip64 locator"));
  CHECK(says(with(bytes.size() - 22 - 12, 0), "a zip64 end record"));
  CHECK(says(with(end64 + 48, ~0ULL - 5), "zip directory"));
  CHECK(says(with(end64 + 40, 1ULL << 63), "zip directory"));
  CHECK(says(with(end64 + 24, 1ULL << 60), "an archive on one disk"));
  const std::size_t extra = builder.directory_offset() + 46 + 1 + 4;
  CHECK(says(with(extra, ~0ULL), "compressed"));
  CHECK(says(with(extra + 16, ~0ULL - 10), "a local header in front of the directory"));
}

TEST_CASE("a zip cut off anywhere is refused") {
  const scratch s;
  const std::string bytes = zip_builder{}.add({.name = "a", .data = "wide", .wide = true}).add({"b", "x"}).finish64();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(s.error_of(bytes.substr(0, length)).empty());
  }
}

}  // namespace zip_test
