#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/diff/digest.hpp>

using namespace tulu;

TEST_CASE("the tensor digest is the documented formula") {
  const io::sha256_functions functions = io::portable_sha256;
  const std::string zeros(64, '0');
  const std::string ones(64, '1');
  const std::map<std::string, diff::tensor_fingerprint> tensors{{"b", {dtype::f16, {}, ones}},
                                                                {"a", {dtype::f32, {3, 4}, zeros}}};
  std::string text;
  text.append("a").append(1, '\0').append("F32").append(1, '\0').append("3,4").append(1, '\0').append(zeros) += '\n';
  text.append("b").append(1, '\0').append("F16").append(2, '\0').append(ones) += '\n';
  io::sha256 hash{functions};
  hash.update(std::as_bytes(std::span{text}));
  CHECK(diff::tensor_digest(tensors, functions) == io::to_hex(hash.finish()));
}

TEST_CASE("hash_shard sees the file and each tensor") {
  const test::temp_dir dir;
  const test::model_values model = test::small_model(9, 3);
  test::write_safetensors(dir.path() / "m.safetensors", model);
  const checkpoint::shard_digest digest = diff::hash_shard(dir.path() / "m.safetensors", io::portable_sha256);
  CHECK(io::to_hex(digest.file) == diff::hash_file(dir.path() / "m.safetensors", io::portable_sha256));
  REQUIRE(digest.tensors.size() == model.size());
  for (std::size_t i = 0; i < model.size(); ++i) {
    io::sha256 hash{io::portable_sha256};
    hash.update(std::as_bytes(std::span{model[i].values}));
    CHECK(digest.tensors[i] == hash.finish());
  }
}
