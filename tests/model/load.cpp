#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../support/llama_folder.hpp"
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/load.hpp>
#include <tulu/model/memory_estimate.hpp>

using tulu::dtype;
using tulu::test::find_tensor;
using tulu::test::in_pairs;
using tulu::test::llama_sizes;
using tulu::test::message_of;
using tulu::test::model_values;
using tulu::test::temp_dir;

namespace load_test {

/// The logits after some tokens.
std::vector<float> logits_of(tulu::llama_model& model, std::span<const tulu::token_id> tokens) {
  auto cache = model.make_cache(tokens.size(), dtype::f32);
  const auto logits = model.prefill(cache, tokens);
  return {logits.begin(), logits.end()};
}
std::vector<float> logits_of(tulu::llama_model& model) {
  return logits_of(model, std::array<tulu::token_id, 3>{1, 7, 39});
}

/// The values of a catalogue's tensors in place of those of `values`.
model_values read_all(const tulu::checkpoint::catalogue& model, model_values values) {
  for (auto& tensor : values) {
    const auto copy = model.find(tensor.name)->materialise();
    tulu::kernel::best_elementwise(tulu::detect_cpu())
        .converter(tensor.type, dtype::f32)(copy.view().bytes.data(),
                                            reinterpret_cast<std::byte*>(tensor.values.data()), tensor.values.size());
  }
  return values;
}

TEST_CASE("load_llama: the type is what was asked for, whatever is stored") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 31, dtype::bf16);
  auto stored = tulu::load_llama<tulu::bf16>(path);
  auto converted = tulu::load_llama<float>(path);
  CHECK(stored.weights().lm_head.type == dtype::bf16);
  CHECK(converted.weights().lm_head.type == dtype::f32);
  CHECK(stored.vocab_size() == 40);
  const auto exact = logits_of(converted);
  const auto found = logits_of(stored);
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(found[i] == doctest::Approx(exact[i]).epsilon(1e-4));
}

TEST_CASE("load_llama: a backend of one's choice") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 32);
  auto native = tulu::load_llama<float>(path);
  auto portable = tulu::load_llama<float, tulu::simd::portable>(path);
  CHECK(std::string{portable.backend()} == "portable");
  CHECK(std::string{native.backend()} == tulu::simd::native::name);
  const auto exact = logits_of(portable);
  const auto found = logits_of(native);
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(found[i] == doctest::Approx(exact[i]).epsilon(1e-4));
}

TEST_CASE("load_model: type, backend and threads at run time") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 33, dtype::f16);
  const auto stored = tulu::load_model(path);
  CHECK(stored->weights().lm_head.type == dtype::f16);
  CHECK(std::string{stored->backend()} == tulu::simd::native::name);
  tulu::load_options options;
  options.weights = dtype::bf16;
  options.kernels = &tulu::kernel::model_for<tulu::simd::portable>();
  options.model.workers = std::make_shared<tulu::executor>(3);
  const auto chosen = tulu::load_model(path, options);
  CHECK(chosen->weights().lm_head.type == dtype::bf16);
  CHECK(std::string{chosen->backend()} == "portable");
  CHECK(&chosen->workers() == options.model.workers.get());
  auto same = tulu::load_llama<tulu::bf16, tulu::simd::portable>(path);
  CHECK(logits_of(*chosen) == logits_of(same));
}

TEST_CASE("load_model: rows that lie in pairs stay in the file, the logits are those of rows in halves") {
  const temp_dir dir;
  std::vector<tulu::token_id> tokens(37);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<tulu::token_id>(i % 40);
  for (const bool biased : {false, true})
    for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16}) {
      llama_sizes sizes;
      sizes.attention_bias = biased;
      const auto values = tulu::test::llama_values(sizes, 34, type);
      const auto text = tulu::test::llama_config_text(sizes);
      const auto path = tulu::test::write_model(dir.path() / "pairs", values, text);
      const auto config = tulu::load_llama_config(path);
      const auto stored = in_pairs(tulu::checkpoint::open(path), sizes);
      const auto pairs = tulu::load_model(stored, config);
      const auto halves =
          tulu::load_model(tulu::test::write_model(dir.path() / "halves", read_all(stored, values), text));
      const tulu::llama_layer &layer = pairs->weights().layers[1], &other = halves->weights().layers[1];
      CHECK(layer.q_proj.in_pairs == !biased);
      CHECK(layer.k_proj.in_pairs == !biased);
      CHECK_FALSE(layer.v_proj.in_pairs);
      CHECK_FALSE(other.q_proj.in_pairs);
      CHECK(pairs->weights().buffers.size() == halves->weights().buffers.size() + (biased ? 2 * sizes.layers : 0));
      const auto estimate =
          tulu::estimate_memory(stored, config, {}, tulu::kernel::weight_layout::panels, 8, dtype::f16, 0);
      std::size_t owned = 0;
      for (const auto& buffer : pairs->weights().buffers) owned += buffer.size();
      CHECK(estimate.weights_in_memory == owned);
      CHECK(logits_of(*pairs) == logits_of(*halves));
      CHECK(logits_of(*pairs, tokens) == logits_of(*halves, tokens));
    }
}

TEST_CASE("load_model: a NaN among rows in pairs is told of at its index in halves") {
  const temp_dir dir;
  const llama_sizes sizes;
  auto values = tulu::test::llama_values(sizes, 35);
  // Row 9 is row 3 of head 1: the second of the pair 1, so row 1 + 3 of the head.
  find_tensor(values, "model.layers.0.self_attn.k_proj.weight").values[9 * 24 + 5] = std::nanf("");
  const auto path = tulu::test::write_model(dir.path() / "model", values, tulu::test::llama_config_text(sizes));
  const auto model = tulu::load_model(in_pairs(tulu::checkpoint::open(path), sizes), tulu::load_llama_config(path));
  REQUIRE(model->weights().warnings.size() == 1);
  CHECK(model->weights().warnings[0].ends_with("k_proj.weight: has NaN: 1 of 288 values, the first at index " +
                                               std::to_string(10 * 24 + 5)));
}

TEST_CASE("load_model: what loading refuses") {
  const temp_dir dir;
  CHECK(message_of([&] {
          static_cast<void>(tulu::load_model(dir.path() / "absent"));
        }).starts_with((dir.path() / "absent").string() + ": expected a folder or a weight file"));
}

}  // namespace load_test
