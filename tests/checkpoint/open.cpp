#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/raw_safetensors.hpp"
#include <tulu/checkpoint/open.hpp>

using tulu::dtype;
using tulu::test::message_of;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace open_test {

namespace checkpoint = tulu::checkpoint;
namespace fs = std::filesystem;

const fs::path golden = fs::path{TULU_TEST_DATA} / "safetensors";

/// A file with these tensors, one byte each.
std::string bytes_of(const std::vector<std::string>& names, const std::map<std::string, std::string>& metadata = {}) {
  std::vector<checkpoint::safetensors_entry> entries;
  for (const std::string& name : names) entries.push_back({name, dtype::u8, {1}});
  return checkpoint::format_safetensors_header(entries, metadata) + std::string(names.size(), 'x');
}

std::string failure(const fs::path& path) {
  return message_of([&] { static_cast<void>(checkpoint::open(path)); });
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> names_of(const checkpoint::catalogue& opened) {
  std::vector<std::string> names;
  for (const auto& tensor : opened.tensors()) names.push_back(tensor.name());
  return names;
}

/// A folder of two shards, a and b in the first, c in the second, and their index.
struct sharded_folder {
  temp_dir dir;
  fs::path first = dir.path() / "model-00001-of-00002.safetensors";
  fs::path second = dir.path() / "model-00002-of-00002.safetensors";
  fs::path index = dir.path() / "model.safetensors.index.json";
  sharded_folder() {
    write_file(first, bytes_of({"b", "a"}));
    write_file(second, bytes_of({"c"}));
    write_index({{"a", first}, {"b", first}, {"c", second}});
  }
  void write_index(const std::vector<std::pair<std::string, fs::path>>& weight_map) const {
    std::vector<std::pair<std::string, std::string>> names;
    for (const auto& [tensor, file] : weight_map) names.emplace_back(tensor, file.filename().string());
    write_file(index, checkpoint::format_shard_index(names, 3));
  }
};

TEST_CASE("open: a folder of shards as the safetensors package and transformers write it") {
  const auto opened = checkpoint::open(golden / "sharded");
  CHECK(opened.path() == golden / "sharded");
  CHECK(names_of(opened) ==
        std::vector<std::string>{"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"});
  CHECK(opened.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  REQUIRE(opened.files().size() == 2);
  CHECK(opened.files()[1]->file().path().filename() == "model-00002-of-00002.safetensors");
  const auto* const head = opened.find("lm_head.weight");
  REQUIRE(head != nullptr);
  CHECK(head->type() == dtype::bf16);
  CHECK(head->extents() == tulu::shape{4, 2});
  CHECK(opened.find("lm_head") == nullptr);
  CHECK(opened.find("") == nullptr);
  CHECK(opened.find("zzz") == nullptr);
}

TEST_CASE("open: one file, whatever its name") {
  const temp_dir dir;
  write_file(dir.path() / "weights", bytes_of({"a"}, {{"format", "pt"}}));
  const auto opened = checkpoint::open(dir.path() / "weights");
  CHECK(names_of(opened) == std::vector<std::string>{"a"});
  CHECK(opened.metadata().at("format") == "pt");
  CHECK(opened.files().size() == 1);
}

TEST_CASE("open: a catalogue that was copied and moved finds the same tensors") {
  auto opened = checkpoint::open(golden / "sharded");
  const auto copy = opened;
  const auto moved = std::move(opened);
  for (const auto* each : {&copy, &moved})
    for (const auto& tensor : each->tensors()) CHECK(each->find(tensor.name()) == &tensor);
}

TEST_CASE("open: what does not exist is named") {
  const temp_dir dir;
  const auto path = dir.path() / "absent";
  CHECK(failure(path) == path.string() + ": expected a folder or a weight file, found No such file or directory");
}

TEST_CASE("open: a folder without weights tells what lies in it") {
  const temp_dir dir;
  CHECK(contains(failure(dir.path()), "expected model.safetensors, pytorch_model.bin or the index of one of them"));
  CHECK(contains(failure(dir.path()), "found nothing"));
  for (const char* name : {"config.json", "README.md", "training_args.bin", "adapter_model.safetensors",
                           "optimizer.bin", "consolidated.00.pth", ".model.safetensors.partial"})
    write_file(dir.path() / name, "x");
  CHECK(
      contains(failure(dir.path()), "found README.md, adapter_model.safetensors, config.json, consolidated.00.pth, "));
  CHECK_FALSE(contains(failure(dir.path()), "partial"));
  for (char c = 'a'; c <= 'z'; ++c) write_file(dir.path() / (std::string{"z"} + c), "x");
  CHECK(contains(failure(dir.path()), " and 24 more"));
}

TEST_CASE("open: the files are chosen in the order of transformers") {
  const temp_dir dir;
  const auto chosen = [&] { return names_of(checkpoint::open(dir.path())).at(0); };
  write_file(dir.path() / "other.safetensors", bytes_of({"only"}));
  write_file(dir.path() / "training_args.bin", "x");
  CHECK(chosen() == "only");
  write_file(dir.path() / "p.bin", bytes_of({"bin shard"}));
  write_file(dir.path() / "pytorch_model.bin.index.json", checkpoint::format_shard_index({{"bin shard", "p.bin"}}, 1));
  CHECK(chosen() == "bin shard");
  write_file(dir.path() / "pytorch_model.bin", bytes_of({"bin"}));
  CHECK(chosen() == "bin");
  write_file(dir.path() / "s.safetensors", bytes_of({"shard"}));
  write_file(dir.path() / "model.safetensors.index.json",
             checkpoint::format_shard_index({{"shard", "s.safetensors"}}, 1));
  CHECK(chosen() == "shard");
  write_file(dir.path() / "model.safetensors", bytes_of({"whole"}));
  CHECK(chosen() == "whole");
}

TEST_CASE("open: two files that could be the weights are not chosen from") {
  const temp_dir dir;
  write_file(dir.path() / "a.safetensors", bytes_of({"a"}));
  write_file(dir.path() / "b.safetensors", bytes_of({"b"}));
  CHECK(contains(failure(dir.path()), "expected one *.safetensors or an index, found a.safetensors, b.safetensors"));
}

TEST_CASE("open: a complete set of shards needs no index; an incomplete one is named") {
  const sharded_folder folder;
  fs::remove(folder.index);
  CHECK(names_of(checkpoint::open(folder.dir.path())) == std::vector<std::string>{"b", "a", "c"});
  fs::remove(folder.first);
  CHECK(failure(folder.dir.path()) == folder.first.string() + ": expected a shard, found no such file");
  write_file(folder.first, bytes_of({"a"}));
  write_file(folder.dir.path() / "model-00001-of-00003.safetensors", bytes_of({"a"}));
  CHECK(contains(failure(folder.dir.path()), "expected the shards of one model, found model-00001-of-00002"));
  fs::remove(folder.dir.path() / "model-00001-of-00003.safetensors");
  write_file(folder.dir.path() / "model-00003-of-00002.safetensors", bytes_of({"d"}));
  CHECK(contains(failure(folder.dir.path()), "expected shards 1 to 2"));
}

TEST_CASE("open: a shard that the index names has to be there") {
  const sharded_folder folder;
  fs::remove(folder.second);
  CHECK(failure(folder.dir.path()) ==
        folder.second.string() + ": expected the shard named in model.safetensors.index.json, found no such file");
  folder.write_index({{"a", folder.first}, {"c", folder.dir.path() / std::string(4000, 'x')}});
  CHECK(contains(failure(folder.dir.path()), "found no such file"));
}

TEST_CASE("open: an index that names a tensor which its shard lacks is refused") {
  const sharded_folder folder;
  folder.write_index({{"a", folder.first}, {"b", folder.first}, {"c", folder.second}, {"d", folder.second}});
  CHECK(failure(folder.dir.path()) == folder.index.string() +
                                          ": d: expected a tensor of model-00002-of-00002.safetensors, "
                                          "found no such tensor");
  folder.write_index({{"a", folder.second}, {"b", folder.first}, {"c", folder.second}});
  CHECK(contains(failure(folder.dir.path()),
                 "a: expected a tensor of model-00002-of-00002.safetensors, found it in model-00001-of-00002"));
}

TEST_CASE("open: a tensor that the index does not name is refused") {
  const sharded_folder folder;
  folder.write_index({{"b", folder.first}, {"c", folder.second}});
  CHECK(failure(folder.dir.path()) ==
        folder.first.string() +
            ": a: expected a tensor that model.safetensors.index.json names, found one that it does not");
}

TEST_CASE("open: a tensor in two shards is refused") {
  const sharded_folder folder;
  write_file(folder.second, bytes_of({"c", "a"}));
  CHECK(failure(folder.dir.path()) ==
        folder.second.string() +
            ": a: expected each tensor in one place, found it in model-00001-of-00002.safetensors too");
}

TEST_CASE("open: metadata are kept when all files agree") {
  const sharded_folder folder;
  write_file(folder.first, bytes_of({"a", "b"}, {{"format", "pt"}, {"step", "1"}, {"x", "only here"}}));
  write_file(folder.second, bytes_of({"c"}, {{"format", "pt"}, {"step", "2"}, {"y", "only here"}}));
  CHECK(checkpoint::open(folder.dir.path()).metadata() == std::map<std::string, std::string>{{"format", "pt"}});
}

TEST_CASE("open: what a failed download left is named for what it is") {
  const temp_dir dir;
  const auto failure_of = [&](const char* name, const std::string& content) {
    write_file(dir.path() / name, content);
    return failure(dir.path() / name).substr((dir.path() / name).string().size());
  };
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 9976578928\n";
  for (const char* name : {"model.safetensors", "pytorch_model.bin", "x.pth"}) {
    CAPTURE(name);
    CHECK(failure_of(name, pointer) ==
          ": expected weights, found a git-lfs pointer to 9976578928 bytes (run \"git lfs pull\")");
    CHECK(failure_of(name, "\n <!doctype HTML>") == ": expected weights, found an HTML page (a failed download)");
    CHECK(failure_of(name, "<?xml version=\"1.0\"?><Error>AccessDenied</Error>") ==
          ": expected weights, found an XML document (a failed download)");
    CHECK(failure_of(name, "") == ": expected weights, found an empty file");
    CHECK(failure_of(name, "Entry not found") ==
          ": expected safetensors, PyTorch or GGUF weights, found the text \"Entry not found\"");
    CHECK(failure_of(name, R"({"error":"Repository not found"})")
              .starts_with(": expected safetensors, PyTorch or GGUF weights, found the text \"{"));
  }
  CHECK(failure_of("x.bin", "GGML\x03") ==
        ": expected safetensors, PyTorch or GGUF weights, found a file that begins with \"GGML\\x03\"");
  CHECK(failure_of("x.bin", "GGUF\x03") == ": expected a GGUF header of at least 24 bytes, found 5 bytes (truncated)");
}

TEST_CASE("open: an index that is a git-lfs pointer is named as one") {
  const sharded_folder folder;
  write_file(folder.index, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 26788\n");
  CHECK(failure(folder.dir.path()) ==
        folder.index.string() + ": expected JSON, found a git-lfs pointer to 26788 bytes (run \"git lfs pull\")");
}

TEST_CASE("open: the format is told by the content, the broken header of a safetensors file by its own error") {
  const temp_dir dir;
  write_file(dir.path() / "pytorch_model.bin", bytes_of({"a"}));
  CHECK(names_of(checkpoint::open(dir.path())) == std::vector<std::string>{"a"});
  write_file(dir.path() / "m.safetensors", std::string(16, '\xff'));
  CHECK(contains(failure(dir.path() / "m.safetensors"), "a safetensors header of at most"));
  fs::copy_file(fs::path{TULU_TEST_DATA} / "safetensors/odd_shapes.safetensors", dir.path() / "x.pth");
  CHECK(checkpoint::open(dir.path() / "x.pth").tensors().size() == 3);
  write_file(dir.path() / "zip.safetensors", "PK\x03\x04 no archive");
  CHECK_FALSE(failure(dir.path() / "zip.safetensors").empty());
  CHECK_FALSE(contains(failure(dir.path() / "zip.safetensors"), "safetensors header"));
}

TEST_CASE("open: a folder in place of a file is refused") {
  const temp_dir dir;
  fs::create_directory(dir.path() / "model.safetensors");
  CHECK_FALSE(failure(dir.path()).empty());
}

}  // namespace open_test
