#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/checkpoint/open.hpp>
#include <tulu/diff/shards.hpp>

using namespace tulu;

namespace {

/// The shards of tensors with these sizes in elements of one byte.
std::vector<std::size_t> counts(const std::vector<std::size_t>& sizes, std::size_t most) {
  const test::temp_dir dir;
  test::model_values model;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    model.push_back({"t" + std::to_string(i), {sizes[i]}, std::vector<float>(sizes[i])});
  test::write_safetensors(dir.path() / "m.safetensors", model);
  const auto opened = checkpoint::open(dir.path() / "m.safetensors");
  diff::plan work{diff::operation::add, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  for (const auto& tensor : opened.tensors())
    work.tensors.push_back({tensor.name(), tensor.type(), tensor.extents(), &tensor, {}});
  diff::plan_shards(work, most * 4, {});
  std::vector<std::size_t> found;
  for (const auto& shard : work.shards) found.push_back(shard.count);
  CHECK(work.index.empty() == (work.shards.size() == 1));
  return found;
}

}  // namespace

TEST_CASE("shards fill up to the limit; a larger tensor stands alone") {
  CHECK(counts({5, 5}, 10) == std::vector<std::size_t>{2});
  CHECK(counts({5, 6}, 10) == std::vector<std::size_t>{1, 1});
  CHECK(counts({1, 20, 1, 1}, 10) == std::vector<std::size_t>{1, 1, 2});
  CHECK(counts({20}, 10) == std::vector<std::size_t>{1});
  CHECK(counts({10, 1, 9, 1}, 10) == std::vector<std::size_t>{1, 2, 1});
}

TEST_CASE("shards are named as transformers names them") {
  CHECK(diff::detail::shard_name(1, 1) == "model.safetensors");
  CHECK(diff::detail::shard_name(3, 14) == "model-00003-of-00014.safetensors");
}

TEST_CASE("wider elements come first in a shard, so that every tensor is aligned") {
  const test::temp_dir dir;
  test::write_safetensors(dir.path() / "m.safetensors", {{"half", {3}, {1, 2, 3}, dtype::f16}, {"full", {2}, {1, 2}}});
  const auto opened = checkpoint::open(dir.path() / "m.safetensors");
  diff::plan work{diff::operation::add, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  for (const auto& tensor : opened.tensors())
    work.tensors.push_back({tensor.name(), tensor.type(), tensor.extents(), &tensor, {}});
  diff::plan_shards(work, 100, {});
  CHECK(work.tensors[0].name == "full");
  CHECK(work.shards[0].prefix.size() % 64 == 0);
}
