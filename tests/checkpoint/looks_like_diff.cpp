#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/gguf_builder.hpp"
#include "../support/model_folder.hpp"
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/open.hpp>

using tulu::dtype;
using tulu::test::message_of;
using tulu::test::model_values;
using tulu::test::temp_dir;

namespace looks_like_diff_test {

namespace checkpoint = tulu::checkpoint;

/// A model of two norms of 20000 values, one more than a window holds, and a matrix.
model_values with_norms(float first, float last, dtype type) {
  std::vector<float> norm(20000, first);
  for (std::size_t i = 0; i < norm.size(); i += 2) norm[i] = -first;
  return {{"model.layers.0.input_layernorm.weight", {20000}, norm, type},
          {"model.layers.0.self_attn.q_proj.weight", {2, 2}, {9, 9, 9, 9}, type},
          {"model.norm.weight", {20000}, std::vector<float>(20000, last), type}};
}

std::optional<std::string> verdict(const model_values& tensors,
                                   const std::map<std::string, std::string>& metadata = {}) {
  const temp_dir dir;
  tulu::test::write_safetensors(dir.path() / "model.safetensors", tensors, metadata);
  return checkpoint::looks_like_diff(checkpoint::open(dir.path() / "model.safetensors"));
}

TEST_CASE("looks_like_diff: norm weights tell, in every type") {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16}) {
    CHECK(verdict(with_norms(0.04F, 0.001F, type)) == "all its 2 RMSNorm weights are near zero");
    CHECK_FALSE(verdict(with_norms(0.06F, 0.001F, type)).has_value());
    CHECK_FALSE(verdict(with_norms(0.04F, 0.06F, type)).has_value());
    CHECK_FALSE(verdict(with_norms(1, 1, type)).has_value());
  }
}

TEST_CASE("looks_like_diff: the end of a long tensor counts") {
  auto tensors = with_norms(0, 0, dtype::f32);
  CHECK(verdict(tensors).has_value());
  tensors[0].values.back() = 20000 * 0.05F + 1;
  CHECK_FALSE(verdict(tensors).has_value());
}

TEST_CASE("looks_like_diff: without norm weights, and with NaN in them, there is no verdict") {
  CHECK_FALSE(verdict({{"lm_head.weight", {1, 2}, {0, 0}, dtype::f32}}).has_value());
  auto tensors = with_norms(0, 0, dtype::f32);
  tensors[2].values[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(verdict(tensors).has_value());
  tensors[2] = {"model.norm.weight", {0}, {}, dtype::f32};
  CHECK(verdict(tensors) == "its one RMSNorm weight is near zero");
}

TEST_CASE("looks_like_diff: the marker of make_diff tells, whatever the values") {
  CHECK(verdict(with_norms(1, 1, dtype::f32), {{"tulu_diff", "1"}}) == "its files have the marker tulu_diff");
}

TEST_CASE("refuse_diff: says what to do") {
  const temp_dir dir;
  const auto path = dir.path() / "model.safetensors";
  tulu::test::write_safetensors(path, with_norms(0, 0, dtype::f32));
  CHECK(message_of([&] { checkpoint::refuse_diff(checkpoint::open(path)); }) ==
        path.string() + ": this is a weight diff: recover it first (all its 2 RMSNorm weights are near zero)");
  tulu::test::write_safetensors(path, with_norms(1, 1, dtype::f32));
  CHECK(message_of([&] { checkpoint::refuse_diff(checkpoint::open(path)); }).empty());
}

TEST_CASE("looks_like_diff: GGUF files, by their marker or their norms") {
  const auto verdict_of = [](const tulu::test::gguf_builder& file) {
    const temp_dir dir;
    tulu::test::write_file(dir.path() / "m.gguf", file.bytes());
    return checkpoint::looks_like_diff(checkpoint::open(dir.path() / "m.gguf"));
  };
  CHECK_FALSE(verdict_of(tulu::test::small_gguf()).has_value());
  CHECK(verdict_of(tulu::test::small_gguf().entry("tulu_diff", "1")) == "its files have the marker tulu_diff");
  // The builder's bytes 0 to 3 as float32 are near zero.
  CHECK(verdict_of(tulu::test::small_gguf().tensor("output_norm.weight", {1}, 0, 4)) ==
        "its one RMSNorm weight is near zero");
}

}  // namespace looks_like_diff_test
