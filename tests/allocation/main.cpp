// What is said to allocate nothing, under an operator new that counts: a program of its own, since that is global.
#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "counting_new.hpp"
#include "support/random_model.hpp"
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/cpu.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/sampling/sampler.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace {

using tulu::test::allocations;

bool failed = false;

/// Runs `action` and notes how often it allocated, any thread counted.
template <class Action>
void expect_none(const std::string& what, Action&& action) {
  const std::size_t before = allocations();
  action();
  const std::size_t count = allocations() - before;
  if (count == 0) return;
  std::printf("%s: %zu allocations\n", what.c_str(), count);
  failed = true;
}

void check_model(const tulu::kernel::backend_table& backend, tulu::dtype type, std::size_t threads) {
  tulu::llama_config config;
  config.file = "random model";
  config.vocab_size = 300;
  config.hidden_size = 130;
  config.intermediate_size = 200;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 8;
  config.num_key_value_heads = 2;
  config.head_dim = 24;
  config.max_position_embeddings = 32;
  config.scaling = {.type = tulu::rope_scaling_type::dynamic, .factor = 2};
  const auto weights = tulu::test::random_weights(config, type, 1);
  tulu::llama_model model{
      weights, *backend.model, {.max_batch = 64, .workers = std::make_shared<tulu::executor>(threads)}};
  const auto tokens = tulu::test::random_tokens(config, 150, 2);
  const std::string name =
      std::string{backend.name} + " " + std::string{tulu::name(type)} + ", " + std::to_string(threads) + " threads: ";
  std::array caches{model.make_cache(200), model.make_cache(200, tulu::dtype::f32),
                    model.make_cache(200, tulu::dtype::q8_0)};
  const std::array batch{tulu::sequence_input{&caches[0], std::span{tokens}.first(1)},
                         tulu::sequence_input{&caches[1], std::span{tokens}.first(20)},
                         tulu::sequence_input{&caches[2], std::span{tokens}.first(20)}};
  float sum = 0;
  expect_none(name + "prefill", [&] { model.prefill(caches[0], tokens); });
  expect_none(name + "prefill_all", [&] {
    model.prefill_all(caches[1], tokens, [&](std::size_t, std::span<const float> logits) { sum += logits[0]; });
  });
  expect_none(name + "forward", [&] { model.forward(batch); });
  expect_none(name + "keep_common_prefix", [&] { caches[0].keep_common_prefix(tokens); });
  expect_none(name + "step", [&] {
    for (std::size_t i = 0; i < 20; ++i) model.step(caches[0], tokens[i]);
  });
}

void check_sampler() {
  constexpr std::size_t size = 5000;
  std::vector<float> logits(size);
  for (std::size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(i * 7919 % 1000) / 100;
  const std::vector<std::uint32_t> history{1, 5, 5, 4999};
  for (const float temperature : {0.0F, 0.8F}) {
    tulu::sampler sampler{{.temperature = temperature,
                           .top_k = 100,
                           .top_p = 0.9F,
                           .min_p = 0.01F,
                           .typical_p = 0.95F,
                           .repetition_penalty = 1.1F,
                           .presence_penalty = 0.1F,
                           .frequency_penalty = 0.1F,
                           .logit_bias = {{3, 1.0F}},
                           .top_logprobs = 5},
                          size};
    expect_none("sampler", [&] {
      for (int i = 0; i < 10; ++i) (void)sampler.sample(logits, history);
    });
  }
}

void check_tokenizer() {
  const auto model = tulu::load_sentencepiece_model(TULU_TEST_DATA "/tokenizer/models/bpe_plain.model");
  const auto pipeline = std::make_shared<const tulu::detail::sentencepiece_pipeline>(model);
  const tulu::tokenizer tokenizer{"bpe_plain", tulu::tokenizer_mode::spm, model.pieces, {}, pipeline};
  const std::string_view text = "The quick brown fox jumps over the lazy dog, again and again: naïve 北京 42.";
  tulu::encode_workspace workspace;
  std::vector<tulu::token_id> ids(1000);
  const std::size_t first = tokenizer.encode(text, ids, workspace);
  std::size_t again = 0;
  expect_none("tokenizer", [&] { again = tokenizer.encode(text, ids, workspace); });
  if (first == 0 || first != again) failed = true;
}

/// Without this the program could not fail.
void check_the_counter() {
  const std::size_t before = allocations();
  const auto plain = std::make_unique<std::string>(100, 'x');
  const tulu::aligned_buffer aligned{4096};
  if (allocations() - before < 2 || plain->empty() || aligned.size() == 0) {
    std::puts("the counter does not count");
    failed = true;
  }
}

}  // namespace

int main() {
  check_the_counter();
  for (const auto* backend : tulu::kernel::usable_backends(tulu::detect_cpu()))
    for (const tulu::dtype type : {tulu::dtype::f32, tulu::dtype::f16, tulu::dtype::bf16})
      for (const std::size_t threads : {1U, 3U}) check_model(*backend, type, threads);
  check_sampler();
  check_tokenizer();
  return failed ? 1 : 0;
}
