#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/shard_index.hpp>

using tulu::test::message_of;

namespace shard_index_test {

namespace checkpoint = tulu::checkpoint;

/// What follows the file's name in the error for this index; empty when it is read.
std::string failure(const std::string& content) {
  const tulu::test::temp_dir dir;
  const auto path = dir.path() / "model.safetensors.index.json";
  tulu::test::write_file(path, content);
  const std::string text = message_of([&] { static_cast<void>(checkpoint::read_shard_index(path)); });
  if (text.empty()) return text;
  CHECK(text.starts_with(path.string() + ": "));
  return text.substr(path.string().size() + 2);
}

std::string failure_of_name(const std::string& json_string) {
  return failure("{\"weight_map\":{\"w\":" + json_string + "}}");
}

TEST_CASE("shard_index: the files are sorted, each once") {
  const tulu::test::temp_dir dir;
  const auto path = dir.path() / "pytorch_model.bin.index.json";
  tulu::test::write_file(path, R"({"metadata":{},"weight_map":{"a":"2.bin","b":"1.bin","c":"2.bin"}})");
  const auto index = checkpoint::read_shard_index(path);
  CHECK(index.files == std::vector<std::string>{"1.bin", "2.bin"});
  CHECK(index.weight_map == std::map<std::string, std::string>{{"a", "2.bin"}, {"b", "1.bin"}, {"c", "2.bin"}});
}

TEST_CASE("shard_index: total_size is not trusted, so it may be absent, wrong or of another type") {
  for (const char* metadata : {"", R"("metadata":{"total_size":1.5},)", R"("metadata":{"total_size":"x"},)",
                               R"("metadata":null,)", R"("metadata":{"total_size":-1},)"})
    CHECK_MESSAGE(failure(std::string{"{"} + metadata + R"("weight_map":{"w":"a.bin"}})").empty(), metadata);
}

TEST_CASE("shard_index: names that could lead out of the folder are refused") {
  CHECK(failure_of_name("\"model-00001-of-00002.safetensors\"").empty());
  CHECK(failure_of_name("\"../x\"") ==
        "weight_map.w: expected the plain name of a file in this folder, found \"../x\"");
  for (const char* name : {"\"\"", "\"/etc/passwd\"", "\"a/b\"", "\"..\"", "\".\"", "\".hidden\"", R"("a\\b")",
                           R"("a\u0000b")", R"("..\\..\\x")"})
    CHECK_MESSAGE(failure_of_name(name).find("plain name") != std::string::npos, name);
}

TEST_CASE("shard_index: what is no weight map of names is refused") {
  CHECK(failure("{}") == "weight_map: expected an object of tensor names and file names, found no such key");
  CHECK(failure("[]").find("weight_map: expected an object") == 0);
  CHECK(failure(R"({"weight_map":[]})").find("found an array") != std::string::npos);
  CHECK(failure(R"({"weight_map":{"w":1}})") == "weight_map.w: expected a file name, found 1");
  CHECK(failure(R"({"weight_map":{}})").find("at least one tensor") != std::string::npos);
  CHECK(failure(R"({"weight_map":{"w":"a","w":"b"}})").find("w: expected each key once") == 0);
  CHECK(failure("version https://git-lfs.github.com/spec/v1\n").find("a git-lfs pointer") != std::string::npos);
}

TEST_CASE("format_shard_index: byte for byte what json.dumps(indent=2, sort_keys=True) of Python gives") {
  const auto data = std::filesystem::path{TULU_TEST_DATA} / "safetensors";
  CHECK(checkpoint::format_shard_index({{"größe", "b.safetensors"}, {"a\tb", "a.safetensors"}}, 3) ==
        tulu::test::read_file(data / "names.index.json"));
  CHECK(checkpoint::format_shard_index({{"model.norm.weight", "model-00001-of-00002.safetensors"},
                                        {"model.embed_tokens.weight", "model-00001-of-00002.safetensors"},
                                        {"lm_head.weight", "model-00002-of-00002.safetensors"}},
                                       56) == tulu::test::read_file(data / "sharded/model.safetensors.index.json"));
  CHECK(checkpoint::format_shard_index({}, 0) ==
        "{\n  \"metadata\": {\n    \"total_size\": 0\n  },\n  \"weight_map\": {}\n}\n");
}

TEST_CASE("format_shard_index: the same tensor twice is refused") {
  CHECK(!message_of([] { static_cast<void>(checkpoint::format_shard_index({{"a", "x"}, {"a", "y"}}, 0)); }).empty());
}

}  // namespace shard_index_test
