#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/gguf_writer.hpp>

using checkpoint::gguf_entry;
using checkpoint::gguf_metadata;
using checkpoint::gguf_tensor;
using checkpoint::gguf_value;
using checkpoint::gguf_writer;
using tulu::dtype;
using tulu::shape;
using tulu::test::message_of;
using tulu::test::read_file;
using tulu::test::temp_dir;

namespace gguf_writer_test {

namespace checkpoint = tulu::checkpoint;
namespace fs = std::filesystem;

std::string counted(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 257);
  return bytes;
}

std::string bytes_of(const checkpoint::stored_tensor& tensor) {
  const auto copy = tensor.materialise();
  return {reinterpret_cast<const char*>(copy.view().bytes.data()), copy.view().bytes.size()};
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span{text});
}

std::string plan_failure(const gguf_tensor& tensor) {
  return message_of([&] {
    const std::vector tensors{tensor};
    static_cast<void>(checkpoint::plan_gguf(gguf_metadata{"x", {}}, tensors));
  });
}

TEST_CASE("gguf_writer: a file that is copied entry by entry and tensor by tensor is the same file") {
  for (const char* name : {"types.gguf", "bias.gguf"}) {
    CAPTURE(name);
    const fs::path original = fs::path{TULU_TEST_DATA} / "gguf" / name;
    const auto contents = checkpoint::read_gguf(original);
    const auto entries = contents.metadata.entries();
    std::vector<gguf_tensor> tensors;
    for (const auto& tensor : contents.tensors) tensors.push_back({tensor.name(), tensor.type(), tensor.extents()});
    const temp_dir dir;
    gguf_writer out{gguf_metadata{dir.path() / "x.gguf", {entries.begin(), entries.end()}}, tensors};
    for (const auto& tensor : contents.tensors) out.append(as_bytes(bytes_of(tensor)));
    const auto digest = out.finish();
    const std::string written = read_file(dir.path() / "x.gguf");
    CHECK((written == read_file(original)));
    tulu::io::sha256 hash{tulu::io::portable_sha256};
    hash.update(as_bytes(written));
    CHECK(digest == hash.finish());
  }
}

TEST_CASE("gguf_writer: tensors of any size, in pieces of any size") {
  const std::vector<std::size_t> sizes{1, 0, 31, 32, 33, 5'000'000, 0};
  std::vector<gguf_tensor> tensors;
  for (const std::size_t size : sizes) tensors.push_back({"t" + std::to_string(tensors.size()), dtype::i8, {size}});
  const temp_dir dir;
  gguf_writer out{gguf_metadata{dir.path() / "x", {{"k", gguf_value::of(true)}}}, tensors};
  std::size_t piece = 1;
  for (const std::size_t size : sizes) {
    const std::string data = counted(size);
    for (std::size_t at = 0; at < size; at += piece, piece = piece * 7 % 100'003)
      out.append(as_bytes(data.substr(at, piece)));
  }
  CHECK_FALSE(fs::exists(dir.path() / "x"));
  static_cast<void>(out.finish());
  CHECK_FALSE(fs::exists(tulu::io::partial_path(dir.path() / "x")));
  const auto contents = checkpoint::read_gguf(dir.path() / "x");
  REQUIRE(contents.tensors.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK((bytes_of(contents.tensors[i]) == counted(sizes[i])));
}

TEST_CASE("gguf_writer: the room is that of one tensor") {
  const std::vector<gguf_tensor> tensors{{"a", dtype::i8, {3}}, {"b", dtype::i8, {40}}};
  const temp_dir dir;
  gguf_writer out{gguf_metadata{dir.path() / "x", {}}, tensors};
  CHECK(out.room().size() == 3);
  out.room()[0] = std::byte{7};
  out.advance(1);
  CHECK(out.room().size() == 2);
  out.append(as_bytes("ab"));
  CHECK(out.room().size() == 40);
  out.append(as_bytes(counted(40)));
  CHECK(message_of([&] {
          static_cast<void>(out.room());
        }).ends_with("expected no more bytes: all tensors are complete, found more"));
  static_cast<void>(out.finish());
  CHECK(bytes_of(checkpoint::read_gguf(dir.path() / "x").tensors[0]) == "\7ab");
}

TEST_CASE("gguf_writer: bytes that are too many or too few are refused, and no file has the name") {
  const std::vector<gguf_tensor> tensors{{"a", dtype::i8, {3}}, {"b", dtype::i8, {2}}};
  const temp_dir dir;
  const fs::path path = dir.path() / "x";
  {
    gguf_writer out{gguf_metadata{path, {}}, tensors};
    CHECK(message_of([&] { out.append(as_bytes("abcd")); }) == path.string() + ": a: expected 3 more bytes, found 4");
    out.append(as_bytes("abc"));
    CHECK(message_of([&] { out.append(as_bytes("def")); }) == path.string() + ": b: expected 2 more bytes, found 3");
    out.append(as_bytes("d"));
    CHECK(message_of([&] { static_cast<void>(out.finish()); }) ==
          path.string() + ": b: expected 1 more bytes, found the end");
  }
  CHECK_FALSE(fs::exists(path));
  CHECK(fs::exists(tulu::io::partial_path(path)));
}

TEST_CASE("gguf_writer: the alignment of the metadata is that of the data") {
  const std::vector<gguf_tensor> tensors{{"a", dtype::i8, {1}}, {"b", dtype::i8, {1}}};
  const auto plan =
      checkpoint::plan_gguf(gguf_metadata{"x", {{"general.alignment", gguf_value::of(std::uint32_t{256})}}}, tensors);
  CHECK(plan.header.size() == 256);
  CHECK(plan.padding == std::vector<std::size_t>{255, 255});
  CHECK(plan.file_bytes == 768);
  CHECK(message_of([&] {
          static_cast<void>(checkpoint::plan_gguf(
              gguf_metadata{"x", {{"general.alignment", gguf_value::of(std::uint32_t{3})}}}, tensors));
        }) == "x: general.alignment: expected a power of two up to 65536, found 3");
}

TEST_CASE("gguf_writer: what ggml can not hold") {
  CHECK(plan_failure({std::string(63, 'n'), dtype::f32, {1}}).empty());
  CHECK(plan_failure({std::string(64, 'n'), dtype::f32, {1}}) ==
        "x: " + std::string(64, 'n') + ": expected a name of 1 to 63 bytes, found 64");
  CHECK(plan_failure({"", dtype::f32, {1}}) == "x: expected a name of 1 to 63 bytes, found 0");
  CHECK(plan_failure({"t", dtype::boolean, {1}}) == "x: t: expected a type of ggml, found BOOL");
  CHECK(plan_failure({"t", dtype::f32, {}}) == "x: t: expected 1 to 4 dimensions, found 0");
  CHECK(plan_failure({"t", dtype::f32, {1, 1, 1, 1, 1}}) == "x: t: expected 1 to 4 dimensions, found 5");
  CHECK(plan_failure({"t", dtype::q4_k, {256, 32}}) ==
        "x: t: expected rows of whole blocks, 256 elements of Q4_K, found [256, 32]");
  CHECK(plan_failure({"t", dtype::f32, {std::size_t{1} << 62, 8}}) ==
        "x: t: expected a size in bytes that fits 64 bits, found [4611686018427387904, 8]");
  CHECK(plan_failure({"t", dtype::i8, {~std::size_t{0}}}) ==
        "x: t: expected a file whose size fits 64 bits, found a larger one");
  const std::vector<gguf_tensor> twice{{"t", dtype::f32, {1}}, {"t", dtype::f16, {1}}};
  CHECK(message_of([&] {
          static_cast<void>(checkpoint::plan_gguf(gguf_metadata{"x", {}}, twice));
        }) == "x: t: expected each tensor once, found it again");
}

}  // namespace gguf_writer_test
