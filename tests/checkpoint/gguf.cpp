#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/gguf_builder.hpp"
#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/open.hpp>

using checkpoint::gguf_type;
using tulu::dtype;
using tulu::shape;
using tulu::test::gguf_builder;
using tulu::test::message_of;
using tulu::test::raw;
using tulu::test::raw_text;
using tulu::test::temp_dir;
using tulu::test::write_file;
using namespace std::string_literals;

namespace gguf_test {

namespace checkpoint = tulu::checkpoint;
namespace fs = std::filesystem;

fs::path golden(const std::string& name) {
  return fs::path{TULU_TEST_DATA} / "gguf" / name;
}

/// What follows the file's name in the error for these bytes; empty when they are read.
std::string failure(const std::string& bytes) {
  const temp_dir dir;
  const fs::path path = dir.path() / "m.gguf";
  write_file(path, bytes);
  const std::string text = message_of([&] { static_cast<void>(checkpoint::read_gguf(path)); });
  if (text.empty()) return text;
  REQUIRE(text.starts_with(path.string() + ": "));
  return text.substr(path.string().size() + 2);
}
std::string failure(const gguf_builder& file) {
  return failure(file.bytes());
}

checkpoint::gguf_contents read(const gguf_builder& file) {
  const temp_dir dir;
  write_file(dir.path() / "m.gguf", file.bytes());
  return checkpoint::read_gguf(dir.path() / "m.gguf");
}

std::string bytes_of(const checkpoint::stored_tensor& tensor) {
  const auto copy = tensor.materialise();
  return {reinterpret_cast<const char*>(copy.view().bytes.data()), copy.view().bytes.size()};
}

constexpr std::uint64_t most = ~std::uint64_t{0};

/// `count` arrays around an array of one uint8.
std::string nested(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += raw(std::uint32_t{9}) + raw(std::uint64_t{1});
  return bytes + raw(std::uint32_t{0}) + raw(std::uint64_t{1}) + "x";
}

TEST_CASE("gguf: every type of metadata as the gguf package writes it") {
  const auto metadata = checkpoint::read_gguf_metadata(golden("types.gguf"));
  CHECK(metadata.required<std::uint8_t>("value.uint8") == 200);
  CHECK(metadata.required<std::int8_t>("value.int8") == -100);
  CHECK(metadata.required<std::uint16_t>("value.uint16") == 60000);
  CHECK(metadata.required<std::int16_t>("value.int16") == -30000);
  CHECK(metadata.required<std::uint32_t>("value.uint32") == 4000000000U);
  CHECK(metadata.required<std::int32_t>("value.int32") == -2000000000);
  CHECK(metadata.required<std::uint64_t>("value.uint64") == (std::uint64_t{1} << 63) + 1);
  CHECK(metadata.required<std::int64_t>("value.int64") == -(std::int64_t{1} << 62));
  CHECK(metadata.required<float>("value.float32") == 0.1F);
  CHECK(metadata.required<double>("value.float64") == 0.1);
  CHECK(metadata.required<bool>("value.bool"));
  CHECK(metadata.required<std::string>("value.string") == "naïve\n");
  CHECK(metadata.required<std::vector<std::int32_t>>("array.int32") == std::vector<std::int32_t>{1, -2, 3});
  CHECK(metadata.required<std::vector<float>>("array.float32") == std::vector<float>{0.5F, -1.25F});
  CHECK(metadata.required<std::vector<bool>>("array.bool") == std::vector<bool>{true, false});
  CHECK(metadata.required<std::vector<std::string>>("array.string") == std::vector<std::string>{"a", "", "ü"});
  CHECK(metadata.required<std::vector<std::uint16_t>>("array.uint16") == std::vector<std::uint16_t>{1, 65535});
  const auto* const arrays = metadata.find("array.array");
  REQUIRE(arrays != nullptr);
  CHECK(arrays->element_type() == gguf_type::array);
  CHECK(arrays->size() == 2);
  CHECK(metadata.entries().front().key == "general.architecture");
}

TEST_CASE("gguf: tensors of every type, whose bytes count up") {
  const auto contents = checkpoint::read_gguf(golden("types.gguf"));
  CHECK(contents.tensors.size() == 17);
  for (const auto& tensor : contents.tensors) {
    CAPTURE(tensor.name());
    CHECK(tensor.name() == tulu::name(tensor.type()));
    CHECK(tensor.extents() == shape{3, tulu::block_of(tensor.type())});
    CHECK(tensor.layout().offset % 64 == 0);
    const std::string bytes = bytes_of(tensor);
    CHECK(bytes.size() == 3 * tulu::traits(tensor.type()).bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) REQUIRE(bytes[i] == static_cast<char>(i));
    REQUIRE(tensor.view().has_value());
  }
  CHECK(contents.find("Q4_K") != nullptr);
  CHECK(contents.find("Q4_K")->type() == dtype::q4_k);
  CHECK(contents.find("nothing") == nullptr);
}

TEST_CASE("gguf: what llama.cpp's converter writes has the names and values of the model it was made from") {
  for (const auto& each : {std::pair{"bias.gguf", "bias"}, std::pair{"linear-00001-of-00003.gguf", "linear"}}) {
    const char *const file = each.first, *const model = each.second;
    CAPTURE(file);
    const auto converted = checkpoint::open(golden(file));
    const auto original = checkpoint::open(fs::path{TULU_TEST_DATA} / "model" / model);
    CHECK(converted.tensors().size() == original.tensors().size());
    CHECK(converted.metadata().at("general.architecture") == "llama");
    for (const auto& tensor : original.tensors()) {
      CAPTURE(tensor.name());
      const auto* const found = converted.find(tensor.name());
      REQUIRE(found != nullptr);
      CHECK(found->extents() == tensor.extents());
      if (found->type() == tensor.type()) CHECK((bytes_of(*found) == bytes_of(tensor)));
    }
    // Norms are float32 in every GGUF file.
    CHECK(converted.find("model.norm.weight")->type() == dtype::f32);
    CHECK(converted.find("model.layers.0.self_attn.q_proj.weight")->type() ==
          original.find("model.layers.0.self_attn.q_proj.weight")->type());
  }
}

TEST_CASE("gguf: any file of a split model opens all of it") {
  const auto first = checkpoint::open(golden("linear-00001-of-00003.gguf"));
  CHECK(first.files().size() == 3);
  for (const char* name : {"linear-00002-of-00003.gguf", "linear-00003-of-00003.gguf"}) {
    const auto other = checkpoint::open(golden(name));
    CHECK(other.tensors().size() == first.tensors().size());
    CHECK(other.metadata() == first.metadata());
  }
}

TEST_CASE("gguf: a split model that is not complete") {
  const temp_dir dir;
  const auto name_of = [&](int i) { return dir.path() / ("m-0000" + std::to_string(i) + "-of-00003.gguf"); };
  const auto part = [](std::uint16_t number, std::uint16_t count, std::int32_t tensors) {
    gguf_builder file;
    file.entry("split.no", number).entry("split.count", count).entry("split.tensors.count", tensors);
    file.tensor("t" + std::to_string(number), {2}, 0, 8);
    return file.bytes();
  };
  const auto failure_of = [&](const fs::path& path) {
    return message_of([&] { static_cast<void>(checkpoint::read_gguf(path)); });
  };
  write_file(name_of(1), part(0, 3, 3));
  write_file(name_of(3), part(2, 3, 3));
  CHECK(failure_of(name_of(3)) == name_of(2).string() + ": expected a part of the split model, found no such file");
  write_file(name_of(2), part(1, 3, 3));
  CHECK(failure_of(name_of(1)).empty());
  CHECK(checkpoint::read_gguf(name_of(2)).tensors[0].name() == "t0");
  CHECK(checkpoint::read_gguf(name_of(2)).metadata.path() == name_of(1));
  write_file(name_of(2), part(2, 3, 3));
  CHECK(failure_of(name_of(1)) == name_of(2).string() + ": split.no: expected 1, as the file's name says, found 2");
  write_file(name_of(2), part(1, 2, 3));
  CHECK(failure_of(name_of(1)) == name_of(2).string() + ": split.count: expected 3, as the file's name says, found 2");
  CHECK(
      failure_of(name_of(2)).starts_with(name_of(2).string() + ": expected a name that ends in -00001-of-00002.gguf"));
  write_file(name_of(2), gguf_builder{}.tensor("t1", {2}, 0, 8).bytes());
  CHECK(failure_of(name_of(1)) == name_of(2).string() + ": split.no: expected uint16, found no such key");
  write_file(name_of(1), part(0, 3, 4));
  write_file(name_of(2), part(1, 3, 3));
  CHECK(failure_of(name_of(1)) ==
        name_of(1).string() + ": split.tensors.count: expected 3, the tensors of all files, found 4");
  write_file(dir.path() / "m.gguf", part(0, 3, 3));
  CHECK(failure_of(dir.path() / "m.gguf") ==
        (dir.path() / "m.gguf").string() +
            ": expected a name that ends in -00001-of-00003.gguf, found a part of a split model under this name");
}

TEST_CASE("gguf: is_gguf looks at the content") {
  const temp_dir dir;
  CHECK(checkpoint::is_gguf(golden("types.gguf")));
  write_file(dir.path() / "x.gguf", "GGU");
  CHECK_FALSE(checkpoint::is_gguf(dir.path() / "x.gguf"));
  CHECK_FALSE(checkpoint::is_gguf(dir.path()));
  CHECK_FALSE(checkpoint::is_gguf(dir.path() / "none"));
}

TEST_CASE("gguf: version 2, no tensors, empty and scalar tensors are read") {
  gguf_builder file = tulu::test::small_gguf();
  file.version = 2;
  CHECK(read(file).tensors.size() == 1);
  CHECK(read(gguf_builder{}.entry("k", true)).tensors.empty());
  CHECK(failure(gguf_builder{}.entry("k", true).header()).empty());
  gguf_builder odd;
  odd.tensor("scalar", {}, 0, 4).tensor("empty", {3, 0}, 0, 0).tensor("last", {3}, 24, 3);
  const auto contents = read(odd);
  CHECK(contents.tensors[0].extents() == shape{});
  CHECK(contents.tensors[1].extents() == shape{0, 3});
  CHECK(bytes_of(contents.tensors[2]) == "\0\1\2"s);
  odd.more_data(std::string(29, '\0'));
  CHECK(failure(odd).empty());
}

TEST_CASE("gguf: the alignment of the metadata is kept") {
  gguf_builder file;
  file.alignment = 8;
  file.entry("general.alignment", std::uint32_t{8}).tensor("a", {1}, 0, 4).tensor("b", {1}, 0, 4);
  CHECK(read(file).tensors[1].layout().offset % 32 != 0);
  file.tensor("c", {1}, 0, 4, 32);
  CHECK(failure(file) == "c: expected data that begin at offset 16, after the tensor before, found 32");
}

TEST_CASE("gguf: arrays of arrays up to a depth") {
  CHECK(failure(gguf_builder{}.raw_entry("a", 9, nested(7))).empty());
  CHECK(failure(gguf_builder{}.raw_entry("a", 9, nested(8))) == "a: expected arrays at most 8 deep, found deeper ones");
  CHECK(failure(gguf_builder{}.raw_entry("a", 9, nested(100000))) ==
        "a: expected arrays at most 8 deep, found deeper ones");
}

TEST_CASE("gguf: each field of the header broken") {
  const auto file = [](auto&& change) {
    gguf_builder builder = tulu::test::small_gguf();
    change(builder);
    return failure(builder);
  };
  const auto with_version = [&](std::uint32_t version) { return file([&](auto& b) { b.version = version; }); };
  CHECK(file([](auto& b) { b.magic = "GGUX"; }) == "byte 0: expected GGUF, found something else");
  CHECK(with_version(1) == "version: expected GGUF version 2 or 3, found 1");
  CHECK(with_version(4) == "version: expected GGUF version 2 or 3, found 4");
  CHECK(with_version(0x03000000) ==
        "version: expected a little-endian file, found a big-endian one: it is not supported");
  CHECK(file([](auto& b) { b.tensor_count = most; })
            .starts_with("tensor count: expected a number of entries that the file can hold, found "
                         "18446744073709551615 with "));
  CHECK(file([](auto& b) { b.entry_count = most / 8; })
            .starts_with("metadata count: expected a number of entries that the file can hold, found "
                         "2305843009213693951 with "));
  CHECK_FALSE(file([](auto& b) { b.tensor_count = 2; }).empty());
  CHECK_FALSE(file([](auto& b) { b.entry_count = 6; }).empty());
  CHECK_FALSE(file([](auto& b) { b.entry_count = 8; }).empty());
  CHECK(file([](auto& b) { b.tensor_count = 0; }).ends_with("(trailing bytes)"));
}

TEST_CASE("gguf: each field of the metadata broken") {
  const auto entry = [](std::string_view key, std::uint32_t type, const std::string& value) {
    return failure(gguf_builder{}.raw_entry(key, type, value));
  };
  CHECK(entry("", 0, "x") == "metadata entry 0: expected a key, found an empty one");
  CHECK(entry("k\n", 13, "xxxxxxxxxxxx") == "k\\x0a: expected a metadata type from 0 to 12, found 13");
  CHECK(entry("k", 0xffffffff, "x") == "k: expected a metadata type from 0 to 12, found 4294967295");
  CHECK(entry("k", 7, "\2") == "k: expected a bool of 0 or 1, found 2");
  CHECK(entry("k", 8, raw(most))
            .starts_with("k: expected a string inside the file, found a length of "
                         "18446744073709551615 with "));
  CHECK(
      entry("k", 9, raw(std::uint32_t{8}) + raw(most))
          .starts_with("k: expected an array that the file can hold, found 18446744073709551615 elements of string "));
  CHECK(
      entry("k", 9, raw(std::uint32_t{12}) + raw(std::uint64_t{1} << 61))
          .starts_with("k: expected an array that the file can hold, found 2305843009213693952 elements of float64 "));
  CHECK(entry("k", 9, raw(std::uint32_t{9}) + raw(std::uint64_t{1} << 60))
            .starts_with("k: expected an array that the file can hold, found 1152921504606846976 elements of array "));
  CHECK(entry("k", 9, raw(std::uint32_t{99}) + raw(std::uint64_t{1})) ==
        "k: expected a metadata type from 0 to 12, found 99");
  CHECK(entry("k", 9, raw(std::uint32_t{7}) + raw(std::uint64_t{2}) + "\1\3") ==
        "k: expected a bool of 0 or 1, found 3");
  CHECK(entry("k", 9, raw(std::uint32_t{8}) + raw(std::uint64_t{1}) + raw(std::uint64_t{1} << 32))
            .starts_with("k: expected a string inside the file, found a length of 4294967296 with "));
  CHECK(failure(gguf_builder{}.entry("k", true).entry("k", true)) == "k: expected each key once, found it again");
  CHECK(failure(gguf_builder{}.entry("general.alignment", std::uint32_t{0})) ==
        "general.alignment: expected a power of two up to 65536, found 0");
  CHECK(failure(gguf_builder{}.entry("general.alignment", std::uint32_t{48})) ==
        "general.alignment: expected a power of two up to 65536, found 48");
  CHECK(failure(gguf_builder{}.entry("general.alignment", std::uint32_t{131072})) ==
        "general.alignment: expected a power of two up to 65536, found 131072");
  CHECK(failure(gguf_builder{}.entry("general.alignment", "32")) ==
        "general.alignment: expected uint32, found the string \"32\"");
  CHECK(failure(gguf_builder{}.entry("general.alignment", std::uint32_t{65536}).tensor("t", {1}, 0, 4)) ==
        "t: expected 4 bytes of data at offset 0, found 0 bytes of data in the file (truncated)");
}

TEST_CASE("gguf: each field of a tensor broken") {
  const auto tensor = [](const std::vector<std::uint64_t>& extents, std::uint32_t type, std::size_t bytes,
                         std::optional<std::uint64_t> offset = std::nullopt) {
    return failure(gguf_builder{}.tensor("t", extents, type, bytes, offset));
  };
  CHECK(tensor({2, 2}, 0, 16).empty());
  CHECK(failure(gguf_builder{}.tensor("", {1}, 0, 4)) == "tensor 0: expected a name, found an empty one");
  CHECK(tensor({1, 1, 1, 1, 1}, 0, 4) == "t: expected at most 4 dimensions, found 5");
  CHECK(tensor({31}, 8, 34) == "t: expected rows of whole blocks, 32 elements of Q8_0, found rows of 31");
  CHECK(tensor({32, 8}, 12, 144) == "t: expected rows of whole blocks, 256 elements of Q4_K, found rows of 32");
  CHECK(tensor({}, 2, 18) == "t: expected rows of whole blocks, 32 elements of Q4_0, found rows of 1");
  CHECK(tensor({most, 2}, 0, 8) == "t: expected a size in bytes that fits 64 bits, found [2, 18446744073709551615]");
  CHECK(tensor({most}, 0, 8) == "t: expected a size in bytes that fits 64 bits, found [18446744073709551615]");
  CHECK(tensor({2, 3}, 0, 16) ==
        "t: expected 24 bytes of data at offset 0, found 16 bytes of data in the file (truncated)");
  CHECK(tensor({2, 2}, 0, 64) == "expected 32 bytes of data after the header, found 64 (trailing bytes)");
  CHECK(tensor({2}, 0, 8, 4) == "t: expected data that begin at offset 0, after the tensor before, found 4");
  CHECK(tensor({2}, 0, 8, most).ends_with("found 18446744073709551615"));
  const std::string unsupported =
      "t: expected a type of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K or IQ4_NL, found ";
  CHECK(tensor({256}, 10, 84) == unsupported + "Q2_K (type 10): it is not supported");
  CHECK(tensor({256}, 4, 84) == unsupported + "Q4_2 (removed) (type 4): it is not supported");
  CHECK(tensor({256}, 1000, 84) == unsupported + "type 1000: it is not supported");
  CHECK(failure(gguf_builder{}.tensor("t", {1}, 0, 4).tensor("t", {1}, 0, 4)) ==
        "t: expected each tensor once, found it again");
  CHECK(failure(gguf_builder{}.tensor("a", {1}, 0, 4).tensor("b", {1}, 0, 4, 0)) ==
        "b: expected data that begin at offset 32, after the tensor before, found 0");
  std::string long_name = gguf_builder{}.tensor("t", {1}, 0, 4).bytes();
  long_name.replace(24, 8, raw(most));
  CHECK(failure(long_name).starts_with("name of tensor 0: expected a string inside the file, found a length of "));
}

TEST_CASE("gguf: a file cut anywhere is refused") {
  const std::string whole = tulu::test::small_gguf().bytes();
  REQUIRE(failure(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(failure(whole.substr(0, size)).empty());
  }
}

TEST_CASE("gguf: other architectures are named, unknown tensors keep their name") {
  const temp_dir dir;
  const fs::path path = dir.path() / "m.gguf";
  const auto open_failure = [&](const gguf_builder& file) {
    write_file(path, file.bytes());
    return message_of([&] { static_cast<void>(checkpoint::open(path)); });
  };
  CHECK(open_failure(gguf_builder{}.entry("general.architecture", "qwen2")) ==
        path.string() + ": general.architecture: expected llama, found qwen2");
  CHECK(open_failure(gguf_builder{}.entry("x", "llama")) ==
        path.string() + ": general.architecture: expected string, found no such key");
  gguf_builder file = tulu::test::small_gguf();
  file.tensor("blk.0.new", {1}, 0, 4).tensor("rope_freqs.weight", {1}, 0, 4);
  CHECK(open_failure(file).empty());
  const auto opened = checkpoint::open(path);
  CHECK(opened.find("blk.0.new") != nullptr);
  CHECK(opened.find("model.embed_tokens.weight") != nullptr);
  CHECK(opened.tensors().size() == 2);
  file.tensor("model.embed_tokens.weight", {1}, 0, 4);
  CHECK(open_failure(file).ends_with(
      "model.embed_tokens.weight: expected each tensor in one place, found it in m.gguf too"));
}

TEST_CASE("gguf: key and value heads are those of head_count_kv") {
  const temp_dir dir;
  const auto open_with = [&](std::uint32_t heads) {
    gguf_builder file = tulu::test::small_gguf();
    file.entry("llama.attention.head_count_kv", heads).tensor("blk.0.attn_k.weight", {1, 4}, 24, 4);
    write_file(dir.path() / "m.gguf", file.bytes());
    return bytes_of(*checkpoint::open(dir.path() / "m.gguf").find("model.layers.0.self_attn.k_proj.weight"));
  };
  CHECK(open_with(1) == "\0\2\1\3"s);
  CHECK(open_with(2) == "\0\1\2\3"s);
  CHECK(
      message_of([&] {
        open_with(4);
      }).ends_with("model.layers.0.self_attn.k_proj.weight: expected the rows of 4 heads of even size, found [4, 1]"));
}

}  // namespace gguf_test
