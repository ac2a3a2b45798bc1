#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/raw_safetensors.hpp"
#include <tulu/checkpoint/safetensors.hpp>

using tulu::dtype;
using tulu::test::message_of;
using tulu::test::raw_safetensors;
using tulu::test::temp_dir;
using namespace std::string_literals;

namespace safetensors_test {

namespace checkpoint = tulu::checkpoint;

checkpoint::safetensors_contents read_golden(const std::string& name) {
  const auto path = std::filesystem::path{TULU_TEST_DATA} / "safetensors" / name;
  return checkpoint::read_safetensors(std::make_shared<const checkpoint::tensor_file>(path));
}

checkpoint::safetensors_contents read_bytes(std::string_view bytes) {
  const temp_dir dir;
  return checkpoint::read_safetensors(tulu::test::tensor_file_of(dir, bytes));
}

/// What follows the file's name in the error for these bytes; empty when they are read.
std::string failure(std::string_view bytes) {
  const temp_dir dir;
  const auto source = tulu::test::tensor_file_of(dir, bytes);
  const std::string text = message_of([&] { static_cast<void>(checkpoint::read_safetensors(source)); });
  const std::string file = (dir.path() / "model.safetensors").string() + ": ";
  if (text.empty()) return text;
  CHECK(text.starts_with(file));
  return text.substr(file.size());
}

std::string entry(std::string_view type, std::string_view extents, std::string_view offsets) {
  std::string text = R"({"dtype":")";
  text.append(type).append(R"(","shape":)").append(extents).append(R"(,"data_offsets":)").append(offsets);
  return text + "}";
}

/// A file with the one tensor "t".
std::string one_tensor(std::string_view type, std::string_view extents, std::string_view offsets, std::size_t bytes) {
  return raw_safetensors("{\"t\":" + entry(type, extents, offsets) + "}", std::string(bytes, '\0'));
}

std::vector<std::string> names_of(const checkpoint::safetensors_contents& contents) {
  std::vector<std::string> names;
  for (const auto& tensor : contents.tensors) names.push_back(tensor.name());
  return names;
}

template <class Number>
bool holds_0_to_5(const tulu::tensor& elements) {
  const auto bytes = elements.view().bytes;
  if (bytes.size() != 6 * sizeof(Number)) return false;
  for (std::size_t i = 0; i < 6; ++i) {
    Number value;
    std::memcpy(&value, bytes.data() + i * sizeof(Number), sizeof(Number));
    if (value != static_cast<Number>(i)) return false;
  }
  return true;
}

TEST_CASE("safetensors: every dtype as the safetensors package writes it") {
  const auto contents = read_golden("every_dtype.safetensors");
  CHECK(contents.metadata.empty());
  const auto known =
      std::count_if(tulu::dtypes.begin(), tulu::dtypes.end(), [](const auto& row) { return row.block == 1; });
  REQUIRE(contents.tensors.size() == static_cast<std::size_t>(known));
  std::size_t offset = contents.header_bytes;
  for (const auto& tensor : contents.tensors) {
    CAPTURE(tensor.name());
    CHECK(tensor.name() == tulu::traits(tensor.type()).torch);
    CHECK(tensor.extents() == tulu::shape{2, 3});
    CHECK(tensor.layout().offset == offset);
    CHECK(tensor.layout().strides.empty());
    offset += tensor.bytes();
    const tulu::tensor elements = tensor.materialise();
    switch (tensor.type()) {
      case dtype::u8:
        CHECK(holds_0_to_5<std::uint8_t>(elements));
        break;
      case dtype::i8:
        CHECK(holds_0_to_5<std::int8_t>(elements));
        break;
      case dtype::u16:
        CHECK(holds_0_to_5<std::uint16_t>(elements));
        break;
      case dtype::i16:
        CHECK(holds_0_to_5<std::int16_t>(elements));
        break;
      case dtype::u32:
        CHECK(holds_0_to_5<std::uint32_t>(elements));
        break;
      case dtype::i32:
        CHECK(holds_0_to_5<std::int32_t>(elements));
        break;
      case dtype::u64:
        CHECK(holds_0_to_5<std::uint64_t>(elements));
        break;
      case dtype::i64:
        CHECK(holds_0_to_5<std::int64_t>(elements));
        break;
      case dtype::f32:
        CHECK(holds_0_to_5<float>(elements));
        break;
      case dtype::f64:
        CHECK(holds_0_to_5<double>(elements));
        break;
      case dtype::boolean:
        CHECK(std::memcmp(elements.view().bytes.data(), "\0\1\0\1\0\1", 6) == 0);
        break;
      case dtype::f16:
        CHECK(std::memcmp(elements.view().bytes.data(), "\x00\x00\x00\x3c\x00\x40\x00\x42\x00\x44\x00\x45", 12) == 0);
        break;
      case dtype::bf16:
        CHECK(std::memcmp(elements.view().bytes.data(), "\x00\x00\x80\x3f\x00\x40\x40\x40\x80\x40\xa0\x40", 12) == 0);
        break;
      default:
        FAIL("no type of safetensors: " << name(tensor.type()));
    }
  }
}

TEST_CASE("safetensors: scalars, empty tensors and three axes as the safetensors package writes them") {
  const auto contents = read_golden("odd_shapes.safetensors");
  CHECK(names_of(contents) == std::vector<std::string>{"nothing", "scalar", "cube"});
  CHECK(contents.tensors[0].extents() == tulu::shape{2, 0});
  CHECK(contents.tensors[0].size() == 0);
  CHECK(contents.tensors[0].view()->bytes.empty());
  CHECK(contents.tensors[1].extents().rank() == 0);
  CHECK(contents.tensors[1].size() == 1);
  CHECK(contents.tensors[2].extents() == tulu::shape{2, 1, 3});
  CHECK(read_golden("no_tensors.safetensors").tensors.empty());
}

TEST_CASE("safetensors: names with escapes and metadata") {
  const auto contents = read_golden("names.safetensors");
  CHECK(names_of(contents) == std::vector<std::string>{"größe", "quote \" and \\ and \n"});
  CHECK(contents.metadata == std::map<std::string, std::string>{{"format", "pt"}});
}

TEST_CASE("safetensors: the reference's own cases of valid files") {
  CHECK(read_bytes(raw_safetensors("{}\r \t\n")).tensors.empty());
  CHECK(read_bytes(one_tensor("I32", "[]", "[0,4]", 4)).tensors[0].extents().rank() == 0);
  CHECK(read_bytes(one_tensor("I32", "[2,2]", "[0,16]", 16)).tensors[0].size() == 4);
  CHECK(read_bytes(one_tensor("I32", "[2,0]", "[0, 0]", 0)).tensors[0].extents() == tulu::shape{2, 0});
}

TEST_CASE("safetensors: tensors come in the order of their data, whatever the order of the header") {
  const auto contents = read_bytes(
      raw_safetensors("{\"c\":" + entry("U8", "[1]", "[2,3]") + ",\"z\":" + entry("U8", "[0]", "[0,0]") +
                          ",\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"y\":" + entry("U8", "[0]", "[0,0]") + "}",
                      "xyz"));
  CHECK(names_of(contents) == std::vector<std::string>{"y", "z", "a", "c"});
  std::string elements(2, '\0');
  contents.tensors[2].read(0, 2, std::as_writable_bytes(std::span{elements}));
  CHECK(elements == "xy");
}

TEST_CASE("safetensors: a misaligned tensor is valid; it has no view") {
  const std::string header = "{\"a\":" + entry("U8", "[1]", "[0,1]") + ",\"b\":" + entry("U16", "[1]", "[1,3]") + "}";
  for (const std::string& padding : {""s, " "s}) {  // one of the two headers puts b at an even byte of the file
    const temp_dir dir;
    const auto contents =
        checkpoint::read_safetensors(tulu::test::tensor_file_of(dir, raw_safetensors(header + padding, "a12")));
    const auto& b = contents.tensors[1];
    CHECK(b.view().has_value() == (b.layout().offset % 2 == 0));
    const tulu::tensor copy = b.materialise();
    CHECK(std::memcmp(copy.view().bytes.data(), "12", 2) == 0);
  }
}

TEST_CASE("safetensors: unknown keys of a tensor are ignored, as the reference does") {
  const std::string header = R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":{"a":[1]}}})";
  CHECK(read_bytes(raw_safetensors(header, "x")).tensors.size() == 1);
}

TEST_CASE("safetensors: a shape with a zero has no elements, however long the other axes") {
  const auto contents = read_bytes(one_tensor("F32", "[18446744073709551615,2,0]", "[0,0]", 0));
  CHECK(contents.tensors[0].size() == 0);
}

TEST_CASE("safetensors: a file without a whole length is refused") {
  CHECK(failure("") == "byte 0: expected 8 bytes, found 0 until the end");
  CHECK(failure("\x02\0\0\0\0\0\0"s) == "byte 0: expected 8 bytes, found 7 until the end");
}

TEST_CASE("safetensors: a header too long is refused before it is read") {
  CHECK(failure(tulu::test::length_bytes(100'000'001) + "{}") ==
        "expected a safetensors header of at most 100000000 bytes, found 100000001");
  CHECK(failure("<\0\0\0\0\xff\xff\xff{}"s).find("at most 100000000") != std::string::npos);
  CHECK(failure(tulu::test::length_bytes(~std::uint64_t{0}) + "{}").find("at most 100000000") != std::string::npos);
}

TEST_CASE("safetensors: a header beyond the end of the file is refused") {
  CHECK(failure(tulu::test::length_bytes(3) + "{}") ==
        "expected a header of 3 bytes, found 2 until the end of the file (truncated)");
  CHECK(failure(tulu::test::length_bytes(100'000'000) + "{}").find("truncated") != std::string::npos);
}

TEST_CASE("safetensors: a header that does not begin with a brace is refused") {
  CHECK(failure(raw_safetensors("")) == "byte 8: expected a header that begins with {, found \"\"");
  CHECK(failure(raw_safetensors(" {}")) == "byte 8: expected a header that begins with {, found \" {}\"");
  CHECK(failure(raw_safetensors("[]")).find("begins with {") != std::string::npos);
  CHECK(failure(raw_safetensors("\xff")).find("begins with {") != std::string::npos);
}

TEST_CASE("safetensors: a header that is not JSON or not UTF-8 is refused") {
  CHECK(failure(raw_safetensors("{")).find("expected JSON") != std::string::npos);
  CHECK(failure(raw_safetensors("{}x")).find("expected JSON") != std::string::npos);
  CHECK(failure(raw_safetensors("{}\0"s)).find("NUL") != std::string::npos);
  CHECK(failure(raw_safetensors("{\"\xff\":" + entry("U8", "[0]", "[0,0]") + "}")).find("UTF-8") != std::string::npos);
  CHECK(failure(raw_safetensors("{\"a\":" + std::string(100'000, '['))).find("nested") != std::string::npos);
}

TEST_CASE("safetensors: a tensor twice, and a key twice in a tensor or the metadata, are refused") {
  const std::string t = entry("U8", "[0]", "[0,0]");
  CHECK(failure(raw_safetensors("{\"t\":" + t + ",\"t\":" + t + "}")) ==
        "t: expected each key once, found a duplicate key");
  CHECK(failure(raw_safetensors(R"({"t":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})"))
            .find("dtype: expected each key once") != std::string::npos);
  CHECK(failure(raw_safetensors(R"({"__metadata__":{"a":"1","a":"2"}})")).find("each key once") != std::string::npos);
  CHECK(failure(raw_safetensors(R"({"__metadata__":{},"__metadata__":{}})")).find("each key once") !=
        std::string::npos);
}

TEST_CASE("safetensors: metadata other than strings are refused") {
  CHECK(failure(raw_safetensors(R"({"__metadata__":{"step":1}})")) == "__metadata__.step: expected a string, found 1");
  CHECK(failure(raw_safetensors(R"({"__metadata__":{"a":{"b":"c"}}})")).find("a string, found an object") !=
        std::string::npos);
  CHECK(failure(raw_safetensors(R"({"__metadata__":["a"]})")).find("an object of strings") != std::string::npos);
  CHECK(failure(raw_safetensors(R"({"__metadata__":null})")).find("an object of strings") != std::string::npos);
}

TEST_CASE("safetensors: an unknown or missing dtype is refused") {
  CHECK(failure(one_tensor("F8_E4M3", "[1]", "[0,1]", 1)) == "t: expected a known dtype, found F8_E4M3");
  CHECK(failure(one_tensor("f32", "[1]", "[0,4]", 4)).find("known dtype") != std::string::npos);
  CHECK(failure(raw_safetensors(R"({"t":{"shape":[1],"data_offsets":[0,1]}})", "x")) ==
        "t: dtype: expected a string, found no such key");
  CHECK(failure(raw_safetensors(R"({"t":{"dtype":3,"shape":[1],"data_offsets":[0,1]}})", "x"))
            .find("dtype: expected a string, found 3") != std::string::npos);
}

TEST_CASE("safetensors: an entry that is no object is refused") {
  CHECK(failure(raw_safetensors(R"({"t":[1]})")).find("t: expected an object with dtype") == 0);
  CHECK(failure(raw_safetensors(R"({"t":null})")).find("t: expected an object with dtype") == 0);
}

TEST_CASE("safetensors: extents and offsets are non-negative integers") {
  for (const char* extents :
       {"[-1]", "[1.0]", "[\"1\"]", "[null]", "[[1]]", "1", "null", "[18446744073709551616]", "[-0]", "[1e0]"})
    CHECK_MESSAGE(failure(one_tensor("U8", extents, "[0,1]", 1)).find("t: shape: expected") == 0, extents);
  for (const char* offsets : {"[0,1.0]", "[-1,0]", "[0,\"1\"]", "{}", "null", "[0,18446744073709551616]"})
    CHECK_MESSAGE(failure(one_tensor("U8", "[1]", offsets, 1)).find("t: data_offsets: expected") == 0, offsets);
  CHECK(failure(one_tensor("U8", "[1]", "[0]", 1)) == "t: expected two data_offsets, found 1");
  CHECK(failure(one_tensor("U8", "[1]", "[0,1,2]", 1)) == "t: expected two data_offsets, found 3");
}

TEST_CASE("safetensors: a shape whose size overflows is refused") {
  for (const char* extents :
       {"[2,18446744073709551614]", "[2,9223372036854775807]", "[4294967296,4294967296]", "[4611686018427387905]"})
    CHECK_MESSAGE(failure(one_tensor("I32", extents, "[0,16]", 16)).find("fits 64 bits") != std::string::npos, extents);
}

TEST_CASE("safetensors: offsets in descending order are refused") {
  CHECK(failure(one_tensor("U8", "[1]", "[1,0]", 1)) == "t: expected data_offsets in ascending order, found [1, 0]");
}

TEST_CASE("safetensors: offsets that do not fit dtype and shape are refused") {
  CHECK(failure(one_tensor("I32", "[2,2]", "[0,4]", 4)) ==
        "t: expected data_offsets 16 apart for I32 [2, 2], found [0, 4]");
  CHECK(failure(one_tensor("U8", "[]", "[0,0]", 0)).find("1 apart") != std::string::npos);
}

TEST_CASE("safetensors: holes and overlaps are refused") {
  const auto two = [](const char* second, std::size_t bytes) {
    return failure(
        raw_safetensors("{\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"b\":" + entry("U8", "[2]", second) + "}",
                        std::string(bytes, 'x')));
  };
  CHECK(two("[2,4]", 4).empty());
  CHECK(two("[3,5]", 5) == "b: expected data that begin at 2, found 3 (a hole)");
  CHECK(two("[1,3]", 3) == "b: expected data that begin at 2, found 1 (an overlap)");
  CHECK(two("[0,2]", 2) == "b: expected data that begin at 2, found 0 (an overlap)");
  CHECK(failure(one_tensor("U8", "[1]", "[1,2]", 2)) == "t: expected data that begin at 0, found 1 (a hole)");
  CHECK(failure(one_tensor("U8", "[0]", "[1,1]", 1)) == "t: expected data that begin at 0, found 1 (a hole)");
}

TEST_CASE("safetensors: many tensors that claim the same data are refused quickly") {
  std::string header = "{";
  for (int i = 0; i < 20'000; ++i)
    header += (i == 0 ? "\"w" : ",\"w") + std::to_string(i) + "\":" + entry("F32", "[2,2]", "[0,16]");
  CHECK(failure(raw_safetensors(header + "}", std::string(16, '\0'))).find("an overlap") != std::string::npos);
}

TEST_CASE("safetensors: trailing bytes and missing data are refused") {
  CHECK(failure(one_tensor("I32", "[2,2]", "[0,16]", 17)) ==
        "expected 16 bytes of data after the header, found 17 (trailing bytes)");
  CHECK(failure(one_tensor("I32", "[2,2]", "[0,16]", 14)) ==
        "expected 16 bytes of data after the header, found 14 (truncated)");
  CHECK(failure(raw_safetensors("{}", "x")) == "expected 0 bytes of data after the header, found 1 (trailing bytes)");
}

TEST_CASE("safetensors: names in errors cannot write to the terminal") {
  CHECK(failure(raw_safetensors("{\"\\u001b[2J\":1}")).find("\\x1b[2J: expected") == 0);
}

TEST_CASE("safetensors: every truncation of a file is refused") {
  const std::string whole =
      tulu::test::read_file(std::filesystem::path{TULU_TEST_DATA} / "safetensors/odd_shapes.safetensors");
  CHECK(failure(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(!failure(std::string_view{whole}.substr(0, size)).empty());
  }
}

TEST_CASE("safetensors: a byte of the header changed gives an error or a file that can be read") {
  const std::string whole =
      tulu::test::read_file(std::filesystem::path{TULU_TEST_DATA} / "safetensors/odd_shapes.safetensors");
  const std::size_t header = read_golden("odd_shapes.safetensors").header_bytes;
  std::size_t refused = 0;
  for (std::size_t at = 0; at < header; ++at) {
    for (const int change : {0x01, 0x02, 0x10, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ change);
      const temp_dir dir;
      const auto source = tulu::test::tensor_file_of(dir, changed);
      const std::string text = message_of([&] {
        for (const auto& tensor : checkpoint::read_safetensors(source).tensors) static_cast<void>(tensor.materialise());
      });
      refused += text.empty() ? 0 : 1;
    }
  }
  CHECK(refused > header * 5 / 2);
}

TEST_CASE("format_safetensors_header: byte for byte as the safetensors package at its alignment of 8") {
  for (const char* name : {"every_dtype", "odd_shapes", "names", "no_tensors", "sharded/model-00001-of-00002"}) {
    CAPTURE(name);
    const std::string path = std::string{name} + ".safetensors";
    const auto contents = read_golden(path);
    std::vector<checkpoint::safetensors_entry> entries;
    for (const auto& tensor : contents.tensors) entries.push_back({tensor.name(), tensor.type(), tensor.extents()});
    const std::string whole = tulu::test::read_file(std::filesystem::path{TULU_TEST_DATA} / "safetensors" / path);
    CHECK(checkpoint::format_safetensors_header(entries, contents.metadata, 8) ==
          whole.substr(0, contents.header_bytes));
  }
}

TEST_CASE("format_safetensors_header: the data start at a multiple of the alignment and the file is read back") {
  const std::vector<checkpoint::safetensors_entry> entries{{"b", dtype::bf16, {3, 2}}, {"a", dtype::f32, {}}};
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"\"", "\n"}};
  for (const std::size_t alignment : {1U, 2U, 8U, 64U, 4096U}) {
    CAPTURE(alignment);
    const std::string prefix = checkpoint::format_safetensors_header(entries, metadata, alignment);
    CHECK(prefix.size() % alignment == 0);
    const auto contents = read_bytes(prefix + std::string(16, 'x'));
    CHECK(contents.header_bytes == prefix.size());
    CHECK(contents.metadata == metadata);
    CHECK(names_of(contents) == std::vector<std::string>{"b", "a"});
    CHECK(contents.tensors[0].extents() == tulu::shape{3, 2});
    CHECK(contents.tensors[1].layout().offset == prefix.size() + 12);
  }
}

TEST_CASE(
    "format_safetensors_header: the same name twice, the metadata's name, sizes beyond 64 bits, bytes not UTF-8") {
  const auto refused = [](const std::vector<checkpoint::safetensors_entry>& entries) {
    return message_of([&] { static_cast<void>(checkpoint::format_safetensors_header(entries, {})); });
  };
  CHECK(refused({{"a", dtype::u8, {1}}}).empty());
  CHECK(refused({{"a", dtype::u8, {1}}, {"a", dtype::u8, {1}}}).find("a name of its own") != std::string::npos);
  CHECK(refused({{"__metadata__", dtype::u8, {1}}}).find("a name of its own") != std::string::npos);
  CHECK(refused({{"a", dtype::u16, {~std::size_t{0} / 2 + 1}}}).find("fit 64 bits") != std::string::npos);
  CHECK(refused({{"a", dtype::u8, {~std::size_t{0}}}, {"b", dtype::u8, {1}}}).find("b: expected sizes") !=
        std::string::npos);
  CHECK(refused({{"\xff", dtype::u8, {1}}}).find("UTF-8") != std::string::npos);
}

}  // namespace safetensors_test
