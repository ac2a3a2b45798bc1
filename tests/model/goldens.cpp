#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/io/npy.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/model/load_weights.hpp>

// What transformers computes, see data/model/make_goldens.py.
namespace goldens_test {

namespace fs = std::filesystem;
using tulu::dtype;
using tulu::kv_cache;
using tulu::llama_model;
using tulu::llama_weights;
using tulu::token_id;
using tulu::kernel::model_table;

/// Of the largest logit, for float32 activations.
constexpr double exact = 2e-5;

const auto workers = std::make_shared<tulu::executor>(2);

std::vector<fs::path> golden_folders() {
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator{fs::path{TULU_TEST_DATA} / "model"})
    if (entry.is_directory()) folders.insert(entry.path());
  return {folders.begin(), folders.end()};
}

std::vector<token_id> read_ids(const fs::path& path) {
  const auto stored = tulu::io::read_npy<std::int32_t>(path).elements;
  return {stored.begin(), stored.end()};
}

std::shared_ptr<const llama_weights> load(const fs::path& folder, std::optional<dtype> type = {}) {
  tulu::load_options options;
  options.weights = type;
  return tulu::load_llama_weights(folder, options, *workers);
}

/// The largest difference from the logits of `folder` at any position, of the largest of them.
double distance(const fs::path& folder, const std::shared_ptr<const llama_weights>& weights, const model_table& kernels,
                std::size_t max_batch) {
  const auto ids = read_ids(folder / "ids.npy");
  const auto wanted = tulu::io::read_npy<float>(folder / "logits.npy").elements;
  llama_model model{weights, kernels, {.max_batch = max_batch, .workers = workers}};
  REQUIRE(wanted.size() == ids.size() * model.vocab_size());
  kv_cache cache = model.make_cache(ids.size(), dtype::f32);
  double off = 0, largest = 0;
  model.prefill_all(cache, ids, [&](std::size_t index, std::span<const float> logits) {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto found = static_cast<double>(logits[i]);
      const auto golden = static_cast<double>(wanted[index * logits.size() + i]);
      off = std::isnan(found) ? HUGE_VAL : std::max(off, std::abs(found - golden));
      largest = std::max(largest, std::abs(golden));
    }
  });
  return off / largest;
}

TEST_CASE("the logits of every golden model are those of transformers, with every backend and length of a pass") {
  double worst = 0;
  REQUIRE(golden_folders().size() == 12);
  for (const fs::path& folder : golden_folders()) {
    const auto weights = load(folder);
    for (const model_table* kernels : tulu::test::usable_models())
      for (const std::size_t max_batch : {1U, 6U, 64U}) {
        INFO(folder.filename().string(), " ", std::string{kernels->backend}, " passes of ", max_batch);
        const double off = distance(folder, weights, *kernels, max_batch);
        CHECK(off <= tulu::test::logit_bound(*kernels, weights->layers[0].q_proj.type, max_batch));
        if (off <= exact) worst = std::max(worst, off);
      }
  }
  MESSAGE("worst of the largest logit: ", worst);
}

TEST_CASE("the logits of a model that llama.cpp's converter made GGUF of are those of transformers") {
  for (const auto& each : {std::pair{"bias", "bias.gguf"}, std::pair{"linear", "linear-00001-of-00003.gguf"}}) {
    const char *const name = each.first, *const file = each.second;
    INFO(name);
    const fs::path data{TULU_TEST_DATA};
    const auto weights = load(data / "gguf" / file);
    CHECK(distance(data / "model" / name, weights, *tulu::test::usable_models().back(), 64) <= exact);
  }
}

TEST_CASE("weights that are converted to a type that holds them all give the same logits") {
  for (const fs::path& folder : golden_folders()) {
    INFO(folder.filename().string());
    CHECK(distance(folder, load(folder, dtype::f32), *tulu::kernel::backend_portable().model, 64) <= exact);
  }
}

TEST_CASE("float32 weights rounded to 16 bits stay within what the rounding of each weight gives") {
  // Each weight is off by at most u of its size, 2^-12 for f16 and 2^-9 for bf16, and so is, relatively to its input,
  // each of the sixteen products with a matrix that an activation goes through; they stretch what comes in by up to 2.
  for (const dtype type : {dtype::f16, dtype::bf16})
    for (const char* name : {"mha", "tied", "bias", "head_dim"}) {
      INFO(std::string{name}, " ", std::string{tulu::name(type)});
      const fs::path folder = fs::path{TULU_TEST_DATA} / "model" / name;
      const double off = distance(folder, load(folder, type), *tulu::kernel::backend_portable().model, 64);
      CHECK(off > exact);
      CHECK(off <= 32 * (type == dtype::f16 ? 0x1p-12 : 0x1p-9));
    }
}

TEST_CASE("200 tokens that follow greedily are those of transformers") {
  std::size_t models = 0;
  for (const fs::path& folder : golden_folders()) {
    if (!fs::exists(folder / "greedy.npy")) continue;
    ++models;
    const auto wanted = read_ids(folder / "greedy.npy");
    const auto weights = load(folder);
    for (const model_table* kernels : tulu::test::usable_models()) {
      INFO(folder.filename().string(), " ", std::string{kernels->backend});
      llama_model model{weights, *kernels, {.max_batch = 8, .workers = workers}};
      kv_cache cache = model.make_cache(wanted.size(), dtype::f32);
      std::vector<token_id> ids(wanted.begin(), wanted.begin() + 8);
      std::span<const float> logits = model.prefill(cache, ids);
      for (std::size_t i = 0; i < 200; ++i) {
        const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
        ids.push_back(static_cast<token_id>(best));
        if (i != 199) logits = model.step(cache, ids.back());
      }
      CHECK(ids == wanted);
    }
  }
  CHECK(models == 11);
}

}  // namespace goldens_test
