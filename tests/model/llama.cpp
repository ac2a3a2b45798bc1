#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "support/random_model.hpp"
#include "support/temp_dir.hpp"
#include <tulu/model/llama.hpp>
#include <tulu/simd/portable.hpp>

namespace llama_test {

using tulu::dtype;

tulu::llama_config small_config() {
  tulu::llama_config config;
  config.file = "small/config.json";
  config.vocab_size = 20;
  config.hidden_size = 18;
  config.intermediate_size = 11;
  config.num_hidden_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 2;
  config.head_dim = 6;
  return config;
}

template <class Weight>
void check_against_run_time_choice() {
  const auto weights = tulu::test::random_weights(small_config(), tulu::dtype_of<Weight>, 1);
  const tulu::model_options options{.max_batch = 4, .workers = std::make_shared<tulu::executor>(1)};
  tulu::llama<Weight, tulu::simd::portable> fixed{weights, options};
  tulu::llama_model chosen{weights, tulu::kernel::model_for<tulu::simd::portable>(), options};
  CHECK(std::string{fixed.backend()} == "portable");
  CHECK(fixed.vocab_size() == 20);
  const auto tokens = tulu::test::random_tokens(small_config(), 9, 2);
  auto first = fixed.make_cache(9), second = chosen.make_cache(9);
  const std::span<const float> a = fixed.prefill(first, tokens), b = chosen.prefill(second, tokens);
  CHECK(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

TEST_CASE("a model of types known when it is compiled computes what one of types chosen at run time does") {
  check_against_run_time_choice<float>();
  check_against_run_time_choice<tulu::f16>();
  check_against_run_time_choice<tulu::bf16>();
}

TEST_CASE("without a backend a model takes the one of the compiler's flags") {
  const tulu::llama<float> model{tulu::test::random_weights(small_config(), dtype::f32, 1)};
  CHECK(std::string{model.backend()} == tulu::simd::native::name);
  CHECK(model.workers().threads() >= 1);
}

TEST_CASE("weights of another type than the model's are refused, wherever they are") {
  using tulu::test::message_of;
  const auto refused = [](auto&& change) {
    const auto weights = tulu::test::random_weights(small_config(), dtype::f32, 1);
    change(*weights);
    return message_of([&] { (void)tulu::llama<float>{weights}; });
  };
  const auto wanted = [](const std::string& tensor) {
    return "small/config.json: " + tensor + ": expected weights in F32, found BF16";
  };
  CHECK(refused([](tulu::llama_weights&) {}).empty());
  CHECK(refused([](tulu::llama_weights& weights) { weights.embed_tokens.type = dtype::bf16; }) ==
        wanted("model.embed_tokens.weight"));
  CHECK(refused([](tulu::llama_weights& weights) { weights.lm_head.type = dtype::bf16; }) == wanted("lm_head.weight"));
  const std::pair<const char*, tulu::kernel::weight_matrix tulu::llama_layer::*> matrices[] = {
      {"self_attn.q_proj", &tulu::llama_layer::q_proj}, {"self_attn.k_proj", &tulu::llama_layer::k_proj},
      {"self_attn.v_proj", &tulu::llama_layer::v_proj}, {"self_attn.o_proj", &tulu::llama_layer::o_proj},
      {"mlp.gate_proj", &tulu::llama_layer::gate_proj}, {"mlp.up_proj", &tulu::llama_layer::up_proj},
      {"mlp.down_proj", &tulu::llama_layer::down_proj}};
  for (const auto& [name, matrix] : matrices) {
    const auto member = matrix;
    CHECK(refused([&](tulu::llama_weights& weights) { (weights.layers[1].*member).type = dtype::bf16; }) ==
          wanted("model.layers.1." + std::string{name} + ".weight"));
  }
}

TEST_CASE("a model of a block type takes the mix of that type and no other") {
  tulu::llama_config config = small_config();
  config.hidden_size = config.intermediate_size = 64;
  config.head_dim = 32;
  const auto weights = tulu::test::random_weights(config, dtype::q8_0, 1);
  CHECK(std::string{tulu::llama<tulu::q8_0, tulu::simd::portable>{weights}.backend()} == "portable");
  const auto failure = tulu::test::message_of([&] { (void)tulu::llama<tulu::q4_0, tulu::simd::portable>{weights}; });
  CHECK(failure == "small/config.json: model.embed_tokens.weight: expected weights in Q4_0, found Q8_0");
  // q4_k's rows of 64: five bits, eight in the outputs and in the values of the last layers.
  const auto mix = tulu::test::random_weights(config, dtype::q5_0, 1);
  const auto head = tulu::test::random_weights(config, dtype::q8_0, 2);
  mix->lm_head = head->lm_head;
  mix->layers[1].v_proj = head->layers[1].v_proj;
  mix->layers[1].down_proj = head->layers[1].down_proj;
  const tulu::llama<tulu::q4_k, tulu::simd::portable> model{mix};
  CHECK(model.vocab_size() == 20);
}

}  // namespace llama_test
