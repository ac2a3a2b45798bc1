#include <limits>

#include <doctest/doctest.h>

#include "../support/llama_folder.hpp"
#include <tulu/model/load_weights.hpp>
#include <tulu/model/memory_estimate.hpp>

using tulu::dtype;
using tulu::kernel::weight_layout;
using tulu::test::llama_sizes;
using tulu::test::temp_dir;

TEST_CASE("estimate_memory: the weights are what loading takes") {
  const temp_dir dir;
  const llama_sizes sizes;
  const auto path = tulu::test::write_llama(dir.path() / "model", sizes, 1, dtype::bf16);
  const auto model = tulu::checkpoint::open(path);
  const auto config = tulu::load_llama_config(path);
  tulu::executor workers{1};
  std::size_t vectors = 0, matrices = 0;
  for (const auto& tensor : tulu::test::llama_values(sizes, 1))
    (tensor.extents.rank() == 1 ? vectors : matrices) += tensor.values.size();
  for (const std::optional<dtype> type :
       {std::optional<dtype>{}, std::optional{dtype::f32}, std::optional{dtype::f16}}) {
    const auto estimate = tulu::estimate_memory(model, config, type, weight_layout::rows, 10, dtype::f16, 1000);
    tulu::load_options options;
    options.weights = type;
    options.layout = weight_layout::rows;
    std::size_t owned = 0;
    const auto weights = tulu::load_llama_weights(path, options, workers);
    for (const auto& buffer : weights->buffers) owned += buffer.size();
    CHECK(estimate.weights_in_memory == owned);
    CHECK(estimate.weights_mapped == (type ? 0 : matrices * 2));
    CHECK(owned == vectors * 4 + (type ? matrices * tulu::size_of(*type) : 0));
    CHECK(estimate.kv_cache == tulu::kv_cache{config, 10, dtype::f16}.bytes());
    CHECK(estimate.in_memory() == owned + estimate.kv_cache + 1000);
    CHECK(estimate.total() == estimate.in_memory() + estimate.weights_mapped);
  }
}

TEST_CASE("estimate_memory: contexts that no machine holds") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 1);
  const auto model = tulu::checkpoint::open(path);
  const auto config = tulu::load_llama_config(path);
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(
      static_cast<void>(tulu::estimate_memory(model, config, {}, weight_layout::rows, huge / 16, dtype::f16, 0)),
      tulu::error);
  CHECK_THROWS_AS(
      static_cast<void>(tulu::estimate_memory(model, config, {}, weight_layout::rows, 10, dtype::f16, huge)),
      tulu::error);
}

TEST_CASE("estimate_memory: block types, with rows that fit and rows that do not") {
  const temp_dir dir;
  llama_sizes sizes;
  sizes.hidden = 256;
  sizes.inner = 96;
  sizes.heads = sizes.key_value_heads = 4;
  sizes.head_dim = 10;  // rows of 40: no block type
  const auto path = tulu::test::write_llama(dir.path() / "model", sizes, 1, dtype::f16);
  const auto model = tulu::checkpoint::open(path);
  const auto config = tulu::load_llama_config(path);
  tulu::executor workers{1};
  for (const dtype type : {dtype::q8_0, dtype::q4_0, dtype::q4_k, dtype::q6_k})
    for (const weight_layout layout : {weight_layout::rows, weight_layout::panels}) {
      const auto estimate = tulu::estimate_memory(model, config, type, layout, 10, dtype::f16, 0);
      tulu::load_options options;
      options.weights = type;
      options.layout = layout;
      const auto weights = tulu::load_llama_weights(model, config, options, workers);
      std::size_t owned = 0, mapped = 0;
      for (const auto& buffer : weights->buffers) owned += buffer.size();
      for (const auto& layer : weights->layers) mapped += layer.o_proj.bytes();  // rows of 40 stay float16
      CHECK(weights->layers[0].o_proj.type == dtype::f16);
      CHECK(estimate.weights_in_memory == owned);
      CHECK(estimate.weights_mapped == mapped);
    }
}
