#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/npy.hpp>

using tulu::test::message_of;
using tulu::test::read_file;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace npy_test {

namespace fs = std::filesystem;
namespace io = tulu::io;

/// A .npy file with this dictionary, padded as numpy does, and these elements.
template <class Element>
std::string npy(std::string dictionary, const std::vector<Element>& elements) {
  dictionary.append(63 - (10 + dictionary.size()) % 64, ' ').push_back('\n');
  std::string bytes{"\x93NUMPY\x01\x00", 8};
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  bytes += dictionary;
  return bytes.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(Element));
}

template <class Element>
std::string failure(const fs::path& path) {
  return message_of([&] { static_cast<void>(io::read_npy<Element>(path)); });
}

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder}) names.push_back(entry.path().filename().string());
  return names;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("write_npy: the bytes that numpy.save writes") {
  const temp_dir dir;
  const std::vector<float> elements{0.5F, -1, 2, 3, 1e-30F, 6};
  const std::array<std::size_t, 2> extents{2, 3};
  io::write_npy(dir.path() / "a.npy", extents, [&](auto&& write) {
    write(std::span{elements}.first(3));
    write(std::span{elements}.subspan(3));
  });
  CHECK(read_file(dir.path() / "a.npy") ==
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", elements));
  CHECK(read_file(dir.path() / "a.npy").size() == 128 + 24);
  CHECK(files_in(dir.path()) == std::vector<std::string>{"a.npy"});
}

TEST_CASE("write_npy: other ranks, and arrays without elements") {
  const temp_dir dir;
  const auto dictionary = [&](std::span<const std::size_t> extents, std::size_t count) {
    const std::vector<float> elements(count, 1);
    io::write_npy(dir.path() / "a.npy", extents, [&](auto&& write) { write(elements); });
    const std::string bytes = read_file(dir.path() / "a.npy");
    const auto back = io::read_npy<float>(dir.path() / "a.npy");
    CHECK(back.elements == elements);
    CHECK(back.extents == std::vector<std::size_t>(extents.begin(), extents.end()));
    return bytes.substr(10, bytes.find("}") - 9);
  };
  CHECK(dictionary({}, 1) == "{'descr': '<f4', 'fortran_order': False, 'shape': (), }");
  CHECK(dictionary(std::array<std::size_t, 1>{3}, 3) == "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
  CHECK(dictionary(std::array<std::size_t, 2>{0, 7}, 0) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7), }");
  CHECK(dictionary(std::array<std::size_t, 3>{1, 2, 3}, 6) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }");
}

TEST_CASE("write_npy: what fails leaves nothing and keeps what was there") {
  const temp_dir dir;
  const fs::path target = dir.path() / "a.npy";
  write_file(target, "old");
  const std::array<std::size_t, 2> extents{2, 3};
  const std::vector<float> elements(7);
  const auto attempt = [&](std::size_t count) {
    return message_of(
        [&] { io::write_npy(target, extents, [&](auto&& write) { write(std::span{elements}.first(count)); }); });
  };
  CHECK(attempt(5) == target.string() + ": fewer elements than were announced");
  CHECK(attempt(7) == target.string() + ": more elements than were announced");
  CHECK(message_of([&] { io::write_npy(target, extents, [](auto&&) { throw tulu::error{"inside"}; }); }) == "inside");
  CHECK(files_in(dir.path()) == std::vector<std::string>{"a.npy"});
  CHECK(read_file(target) == "old");
}

TEST_CASE("write_npy: targets that cannot be") {
  const temp_dir dir;
  const auto attempt = [](const fs::path& target, std::span<const std::size_t> extents) {
    return message_of([&] { io::write_npy(target, extents, [](auto&&) { FAIL("nothing is to be filled"); }); });
  };
  const std::array<std::size_t, 1> one{1};
  CHECK(attempt(dir.path(), one) == dir.path().string() + ": expected a file to write, found a folder");
  CHECK(contains(attempt(dir.path() / "absent" / "a.npy", one), "no folder for it"));
  const std::array<std::size_t, 2> huge{std::size_t{1} << 40, std::size_t{1} << 23};
  CHECK(contains(attempt(dir.path() / "a.npy", huge), "more elements than a file can hold"));
}

TEST_CASE("read_npy: integers, and dictionaries in another order") {
  const temp_dir dir;
  const fs::path path = dir.path() / "a.npy";
  write_file(path, npy<std::int32_t>("{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", {1, -2, 3}));
  CHECK(io::read_npy<std::int32_t>(path).elements == std::vector<std::int32_t>{1, -2, 3});
  write_file(path, npy<std::int64_t>("{'shape':(2,1),'fortran_order':False,'descr':'<i8'}", {1, -(1LL << 40)}));
  CHECK(io::read_npy<std::int64_t>(path).elements == std::vector<std::int64_t>{1, -(1LL << 40)});
  CHECK(io::read_npy<std::int64_t>(path).extents == std::vector<std::size_t>{2, 1});
  CHECK(failure<float>(path) == path.string() + ": descr: expected <f4, found <i8");
}

TEST_CASE("read_npy: damaged files") {
  const temp_dir dir;
  const fs::path path = dir.path() / "a.npy";
  const std::vector<float> three{1, 2, 3};
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", three);
  for (std::size_t length = 0; length < good.size(); ++length) {
    write_file(path, std::string_view{good}.substr(0, length));
    CHECK_FALSE(failure<float>(path).empty());
  }
  write_file(path, good + "x");
  CHECK(contains(failure<float>(path), "shape: expected 13 bytes of elements, found 12"));
  const std::pair<const char*, const char*> cases[] = {
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (3,), }", "fortran_order: expected False, found True"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", "fortran_order: expected True or False"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }", "descr: expected <f4, found >f4"},
      {"{'descr': <f4, 'fortran_order': False, 'shape': (3,), }", "descr: expected a text in quotes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': 3, }", "shape: expected a tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 1), }", "shape: expected a tuple of numbers"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "shape: expected a tuple of numbers"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "a shape that no file has"},
      {"{'descr': '<f4', 'fortran_order': False, }", "shape: expected the key"},
  };
  for (const auto& [dictionary, expected] : cases) {
    write_file(path, npy(dictionary, three));
    CHECK_MESSAGE(contains(failure<float>(path), expected), failure<float>(path));
  }
  write_file(path, "\x93NUMPY\x02" + good.substr(7));
  CHECK(contains(failure<float>(path), "expected a .npy file of version 1.0"));
}

}  // namespace npy_test
