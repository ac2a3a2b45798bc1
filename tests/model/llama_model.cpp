#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include "support/random_model.hpp"
#include "support/reference_llama.hpp"
#include "support/temp_dir.hpp"
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/llama_model.hpp>

namespace llama_model_test {

using tulu::dtype;
using tulu::kv_cache;
using tulu::llama_config;
using tulu::llama_model;
using tulu::llama_weights;
using tulu::token_id;
using tulu::kernel::model_table;
using tulu::test::logit_bound;
using tulu::test::message_of;
using tulu::test::random_config;
using tulu::test::random_tokens;
using tulu::test::random_weights;
using tulu::test::reference_llama;

using rows = std::vector<std::vector<float>>;
using weights_pointer = std::shared_ptr<const llama_weights>;

/// Of the largest logit: what float32 activations allow.
constexpr double exact = 2e-5;

const model_table& portable = *tulu::kernel::backend_portable().model;

/// A model with few threads and small passes, so that tests are quick and passes several.
std::unique_ptr<llama_model> make_model(const weights_pointer& weights, const model_table& kernels = portable,
                                        std::size_t max_batch = 64, std::size_t threads = 1) {
  return std::make_unique<llama_model>(
      weights, kernels,
      tulu::model_options{
          .max_batch = max_batch, .max_sequences = 8, .workers = std::make_shared<tulu::executor>(threads)});
}

rows all_logits(llama_model& model, kv_cache& cache, std::span<const token_id> tokens) {
  rows found;
  model.prefill_all(cache, tokens, [&](std::size_t index, std::span<const float> logits) {
    REQUIRE(index == found.size());
    found.emplace_back(logits.begin(), logits.end());
  });
  return found;
}

rows fresh_logits(llama_model& model, std::span<const token_id> tokens, dtype cache_type = dtype::f32) {
  kv_cache cache = model.make_cache(tokens.size(), cache_type);
  return all_logits(model, cache, tokens);
}

std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

/// The largest difference at any position, of the largest value there is.
template <class Wanted>
double distance(const rows& found, const std::vector<std::vector<Wanted>>& wanted) {
  REQUIRE(found.size() == wanted.size());
  double largest = 0, off = 0;
  for (std::size_t t = 0; t < found.size(); ++t) {
    REQUIRE(found[t].size() == wanted[t].size());
    for (std::size_t i = 0; i < found[t].size(); ++i) {
      const auto a = static_cast<double>(found[t][i]), b = static_cast<double>(wanted[t][i]);
      off = std::isnan(a) ? HUGE_VAL : std::max(off, std::abs(a - b));
      largest = std::max(largest, std::abs(b));
    }
  }
  return off / largest;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

llama_config small_config() {
  llama_config config;
  config.file = "small model";
  config.vocab_size = 37;
  config.hidden_size = 45;
  config.intermediate_size = 53;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  config.attention_bias = true;
  return config;
}

/// Models of all kinds of shapes, each with a type of its own.
template <class Check>
void for_random_models(unsigned first_seed, std::size_t count, Check&& check) {
  for (unsigned seed = first_seed; seed < first_seed + count; ++seed) {
    std::mt19937 generator{seed};
    const llama_config config = random_config(generator);
    const dtype type = tulu::test::weight_types[seed % 3];
    INFO("seed ", seed, ": ", tulu::test::describe(config), std::string{tulu::name(type)});
    check(config, random_weights(config, type, seed), seed);
  }
}

TEST_CASE("the logits of random models are those of double precision at every position, with every backend") {
  double worst = 0;
  for_random_models(1, 60, [&](const llama_config& config, const weights_pointer& weights, unsigned seed) {
    const auto tokens = random_tokens(config, 1 + seed % 29, seed);
    const auto wanted = reference_llama{*weights}.logits(tokens);
    const rows plain = fresh_logits(*make_model(weights), tokens);
    for (const model_table* kernels : tulu::test::usable_models()) {
      INFO(std::string{kernels->backend});
      const rows found = fresh_logits(*make_model(weights, *kernels), tokens);
      const double bound = logit_bound(*kernels, weights->lm_head.type, tokens.size());
      CHECK(distance(found, wanted) <= bound);
      CHECK(distance(found, plain) <= bound);
      if (bound == exact) worst = std::max(worst, distance(found, wanted));
    }
  });
  MESSAGE("worst of the largest logit: ", worst);
}

TEST_CASE("a prompt in one pass, in several, and token by token gives the same logits") {
  for_random_models(100, 18, [&](const llama_config& config, const weights_pointer& weights, unsigned seed) {
    if (config.scaling.type == tulu::rope_scaling_type::dynamic) return;  // its angles depend on the prompt's length
    const auto tokens = random_tokens(config, 41, seed);
    for (const model_table* kernels : tulu::test::usable_models()) {
      INFO(std::string{kernels->backend});
      const rows whole = fresh_logits(*make_model(weights, *kernels), tokens);
      rows steps;
      const auto model = make_model(weights, *kernels);
      kv_cache cache = model->make_cache(41, dtype::f32);
      for (const token_id token : tokens) steps.push_back(copy(model->step(cache, token)));
      const double bound = logit_bound(*kernels, weights->lm_head.type, 41);
      CHECK(distance(whole, steps) <= bound);
      for (const std::size_t batch : {1U, 2U, 3U, 5U, 8U}) {
        INFO("passes of ", batch);
        const rows found = fresh_logits(*make_model(weights, *kernels, batch), tokens);
        bool same = true;
        for (std::size_t t = 0; t < tokens.size(); ++t) same = same && same_bits(found[t], steps[t]);
        CHECK(same);
      }
      for (const std::size_t batch : {9U, 16U, 40U})
        CHECK(distance(fresh_logits(*make_model(weights, *kernels, batch), tokens), steps) <= bound);
    }
  });
}

TEST_CASE("a prompt with dynamic scaling has the angles of its whole length in every pass") {
  llama_config config = small_config();
  config.max_position_embeddings = 16;
  config.scaling = {.type = tulu::rope_scaling_type::dynamic, .factor = 2};
  const weights_pointer weights = random_weights(config, dtype::f32, 3);
  const auto tokens = random_tokens(config, 50, 4);
  const auto wanted = reference_llama{*weights}.logits(tokens);
  for (const std::size_t batch : {1U, 7U, 20U, 64U})
    CHECK(distance(fresh_logits(*make_model(weights, portable, batch), tokens), wanted) <= exact);
}

TEST_CASE("prefill gives the logits after the last token, whatever the length of a pass") {
  const llama_config config = small_config();
  const weights_pointer weights = random_weights(config, dtype::bf16, 5);
  const auto tokens = random_tokens(config, 70, 6);
  for (const std::size_t batch : {1U, 8U, 33U, 70U, 500U}) {
    const auto model = make_model(weights, portable, batch);
    const rows all = fresh_logits(*model, tokens);
    kv_cache cache = model->make_cache(70);
    CHECK(cache.type() == dtype::f16);
    kv_cache precise = model->make_cache(70, dtype::f32);
    CHECK(same_bits(copy(model->prefill(precise, tokens)), all.back()));
    CHECK(precise.size() == 70);
    CHECK(std::equal(tokens.begin(), tokens.end(), precise.tokens().begin(), precise.tokens().end()));
  }
}

TEST_CASE("the results do not depend on the number of threads") {
  for_random_models(200, 8, [&](const llama_config& config, const weights_pointer& weights, unsigned seed) {
    const auto tokens = random_tokens(config, 40, seed);
    for (const model_table* kernels : tulu::test::usable_models()) {
      std::vector<rows> prefilled, stepped;
      for (const std::size_t threads : {1U, 2U, 3U}) {
        const auto model = make_model(weights, *kernels, 64, threads);
        prefilled.push_back(fresh_logits(*model, tokens));
        kv_cache cache = model->make_cache(8, dtype::f16);
        stepped.emplace_back();
        for (std::size_t t = 0; t < 8; ++t) stepped.back().push_back(copy(model->step(cache, tokens[t])));
      }
      INFO(std::string{kernels->backend});
      bool same = true;
      for (const std::vector<rows>* runs : {&prefilled, &stepped})
        for (const rows& run : *runs)
          for (std::size_t t = 0; t < run.size(); ++t) same = same && same_bits(run[t], runs->front()[t]);
      CHECK(same);
    }
  });
}

TEST_CASE("several sequences in one pass give what each gives alone") {
  const llama_config config = small_config();
  for (const dtype type : tulu::test::weight_types)
    for (const model_table* kernels : tulu::test::usable_models()) {
      INFO(std::string{kernels->backend}, " ", std::string{tulu::name(type)});
      const weights_pointer weights = random_weights(config, type, 8);
      const auto model = make_model(weights, *kernels);
      // Lengths of what is in the caches and of what the pass adds: first eight tokens in all, then more.
      constexpr std::size_t before[] = {0, 3, 17, 1};
      for (const std::array<std::size_t, 4> added : {std::array<std::size_t, 4>{1, 1, 5, 1}, {1, 20, 9, 30}}) {
        const bool few = added[1] == 1;
        std::vector<kv_cache> caches;
        std::vector<std::vector<token_id>> tokens;
        rows alone;
        for (unsigned i = 0; i < 4; ++i) {
          tokens.push_back(random_tokens(config, before[i] + added[i], i));
          const std::span all{tokens.back()};
          kv_cache own = model->make_cache(64, dtype::f32);
          caches.push_back(model->make_cache(64, i == 1 ? dtype::f16 : dtype::f32));
          if (i == 1) own = model->make_cache(64, dtype::f16);
          for (kv_cache* cache : {&own, &caches.back()})
            if (before[i] != 0) model->prefill(*cache, all.first(before[i]));
          alone.push_back(copy(model->prefill(own, all.subspan(before[i]))));
        }
        std::vector<tulu::sequence_input> batch;
        for (std::size_t i = 0; i < 4; ++i)
          batch.push_back({&caches[i], std::span<const token_id>{tokens[i]}.subspan(before[i])});
        const auto together = model->forward(batch);
        REQUIRE(together.rows == 4);
        REQUIRE(together.columns == model->vocab_size());
        for (std::size_t i = 0; i < 4; ++i) {
          INFO("sequence ", i);
          const double bound = logit_bound(*kernels, type, few ? 1 : 60);
          CHECK(distance(rows{copy(together.row(i))}, rows{alone[i]}) <=
                (i == 1 && !few ? std::max(1e-3, bound) : bound));
          if (few) CHECK(same_bits(together.row(i), alone[i]));
          CHECK(caches[i].size() == before[i] + added[i]);
        }
      }
    }
}

TEST_CASE("keys and values of 16 bits stay within their bound") {
  // Each key and value is off by half a unit of its type, u = 2^-12 for f16 and 2^-9 for bf16, of its size; a layer
  // passes that on to its output, with a factor for the scores that grows with their size. 4 u for each layer.
  double worst = 0;
  for_random_models(300, 24, [&](const llama_config& config, const weights_pointer& weights, unsigned seed) {
    const auto tokens = random_tokens(config, 30, seed);
    const auto model = make_model(weights);
    const rows precise = fresh_logits(*model, tokens);
    for (const auto& [type, unit] : {std::pair{dtype::f16, 0x1p-12}, std::pair{dtype::bf16, 0x1p-9}}) {
      const rows found = fresh_logits(*model, tokens, type);
      const double bound = unit * 4 * static_cast<double>(config.num_hidden_layers);
      CHECK(distance(found, precise) <= bound);
      if (tokens.size() > 1) CHECK(distance(found, precise) > 0);
      worst = std::max(worst, distance(found, precise) / bound);
    }
  });
  MESSAGE("worst of the bound: ", worst);
}

TEST_CASE("a truncated cache and one with a common prefix go on as a fresh one") {
  const llama_config config = small_config();
  const weights_pointer weights = random_weights(config, dtype::f32, 10);
  const auto model = make_model(weights);
  const auto tokens = random_tokens(config, 30, 11);
  auto other = tokens;
  for (std::size_t i = 12; i < other.size(); ++i) other[i] = (other[i] + 1) % 37;
  const rows wanted = fresh_logits(*model, other);

  kv_cache cache = model->make_cache(30, dtype::f32);
  model->prefill(cache, tokens);
  cache.truncate(12);
  CHECK(distance(rows{copy(model->prefill(cache, std::span{other}.subspan(12)))}, rows{wanted.back()}) <= exact);

  cache.truncate(0);
  model->prefill(cache, tokens);
  CHECK(cache.keep_common_prefix(other) == 12);
  CHECK(distance(rows{copy(model->prefill(cache, std::span{other}.subspan(12)))}, rows{wanted.back()}) <= exact);
  CHECK(cache.keep_common_prefix(other) == 29);  // the last token is left to compute
  CHECK(distance(rows{copy(model->step(cache, other.back()))}, rows{wanted.back()}) <= exact);
}

TEST_CASE("a pass that is cancelled or fails leaves the cache as it was") {
  const llama_config config = small_config();
  const weights_pointer weights = random_weights(config, dtype::f32, 12);
  const auto model = make_model(weights, portable, 8);
  const auto tokens = random_tokens(config, 40, 13);
  kv_cache cache = model->make_cache(40, dtype::f32), untouched = model->make_cache(40, dtype::f32);
  model->prefill(cache, std::span{tokens}.first(10));
  model->prefill(untouched, std::span{tokens}.first(10));
  const std::span rest = std::span<const token_id>{tokens}.subspan(10);

  std::stop_source stopped;
  stopped.request_stop();
  CHECK_THROWS_AS(model->prefill(cache, rest, stopped.get_token()), tulu::cancelled);
  CHECK(cache.size() == 10);
  const tulu::sequence_input batch[] = {{&cache, rest.first(5)}};
  CHECK_THROWS_AS(model->forward(batch, stopped.get_token()), tulu::cancelled);
  CHECK(cache.size() == 10);

  std::stop_source later;
  const auto stop_at = [&](std::size_t index, std::span<const float>) {
    if (index == 11) later.request_stop();
  };
  CHECK_THROWS_AS(model->prefill_all(cache, rest, stop_at, later.get_token()), tulu::cancelled);
  CHECK(cache.size() == 10);
  const auto fail = [](std::size_t, std::span<const float>) { throw std::runtime_error{"reader"}; };
  CHECK_THROWS_AS(model->prefill_all(cache, rest, fail), std::runtime_error);
  CHECK(cache.size() == 10);

  const auto wanted = copy(model->prefill(untouched, rest));
  CHECK(same_bits(model->prefill(cache, rest), wanted));
}

TEST_CASE("input that does not fit is refused before anything is computed") {
  const llama_config config = small_config();
  const weights_pointer weights = random_weights(config, dtype::f32, 14);
  const auto model = make_model(weights, portable, 16);
  kv_cache cache = model->make_cache(12), second = model->make_cache(12);
  const std::vector<token_id> four{1, 2, 3, 4}, nine(9, 5), wrong{1, 37}, none;
  model->prefill(cache, four);

  CHECK(message_of([&] { model->prefill(cache, none); }) == "prompt: expected at least one token, found none");
  CHECK(message_of([&] { model->prefill(cache, wrong); }) == "prompt: token 1: expected an id below 37, found 37");
  CHECK(message_of([&] { model->prefill(cache, nine); }) ==
        "prompt: expected at most 8 tokens, which the context of 12 has room for, found 9");
  CHECK(cache.size() == 4);

  llama_config deeper = config;
  deeper.num_hidden_layers = 3;
  llama_config wider = config;
  wider.head_dim = 12;
  for (const llama_config& shape : {deeper, wider}) {
    kv_cache foreign{shape, 12, dtype::f32};
    CHECK(message_of([&] { model->prefill(foreign, four); }) == "KV cache: made for a model of another shape");
  }

  const tulu::sequence_input twice[] = {{&cache, four}, {&second, four}, {&cache, four}};
  CHECK(message_of([&] { model->forward(twice); }) == "batch: two sequences have the same cache");
  CHECK(message_of([&] { model->forward({}); }) ==
        "batch: expected 1 to 16 sequences with at most 16 tokens, found 0 with 0");
  const tulu::sequence_input one_wrong[] = {{&second, four}, {&cache, wrong}};
  CHECK(message_of([&] { model->forward(one_wrong); }) == "prompt: token 1: expected an id below 37, found 37");
  kv_cache third = model->make_cache(12);
  const tulu::sequence_input long_batch[] = {{&second, nine}, {&third, nine}};
  CHECK(message_of([&] { model->forward(long_batch); }) ==
        "batch: expected 1 to 16 sequences with at most 16 tokens, found 2 with 18");
  CHECK(cache.size() == 4);
  CHECK(second.size() == 0);
}

TEST_CASE("lm_head may have more rows than there are embeddings, whose ids are then refused") {
  const llama_config config = small_config();
  const auto weights = random_weights(config, dtype::f32, 15);
  const auto longer = random_weights(
      [&] {
        llama_config more = config;
        more.vocab_size = 40;
        return more;
      }(),
      dtype::f32, 16);
  weights->lm_head = longer->lm_head;
  const auto model = make_model(weights);
  CHECK(model->vocab_size() == 40);
  const auto tokens = random_tokens(config, 5, 1);
  CHECK(distance(fresh_logits(*model, tokens), reference_llama{*weights}.logits(tokens)) <= exact);
  kv_cache cache = model->make_cache(4);
  CHECK(message_of([&] { model->step(cache, 38); }) == "prompt: token 0: expected an id below 37, found 38");
}

TEST_CASE("blocks of weights give the logits of the same weights in float32, with every type and backend") {
  llama_config config;
  config.file = "blocks";
  config.vocab_size = 37;
  config.hidden_size = config.intermediate_size = 256;
  config.num_hidden_layers = 1;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 64;
  unsigned seed = 900;
  for (const dtype type : tulu::test::block_types) {
    if (!tulu::can_encode(type)) continue;
    const auto blocks = random_weights(config, type, ++seed);
    const auto floats = tulu::test::dequantised(*blocks);
    const auto tokens = random_tokens(config, 21, seed);
    const rows wanted = fresh_logits(*make_model(floats), tokens);
    for (const model_table* table : tulu::test::usable_models()) {
      INFO(std::string{table->backend}, " ", std::string{tulu::name(type)});
      const auto model = make_model(blocks, *table, 64, 2);
      CHECK(distance(fresh_logits(*model, tokens), wanted) < 1e-5);

      // Steps, one token each, have the bits of a pass of few tokens.
      kv_cache together = model->make_cache(8), stepped = model->make_cache(8);
      const std::span<const token_id> few{tokens.data(), 8};
      const std::vector<float> at_once = copy(model->prefill(together, few));
      for (const token_id token : few.first(7)) model->step(stepped, token);
      CHECK(same_bits(model->step(stepped, few[7]), at_once));
    }
  }
}

/// What a model whose weights lie in panels may be off by, of the largest logit: whole numbers of 15 or 8 bits stand
/// for the inputs of blocks, or bfloat16 for inputs and weights.
double panel_bound(const model_table& kernels, dtype type, bool many) {
  using tulu::kernel::panel_form;
  const panel_form form = (many ? kernels.panel_product : kernels.few_form)[model_table::at(type)];
  if (form == panel_form::bf16) return 0.03;
  return form == panel_form::bytes ? 0.015 : 2e-4;
}

TEST_CASE("weights in panels give the logits of the same weights in rows, with every type and backend") {
  unsigned seed = 1000;
  for (const dtype type :
       {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1, dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k}) {
    const bool tied = seed % 2 == 0;
    llama_config config = small_config();
    config.num_hidden_layers = 1;
    config.hidden_size = config.intermediate_size = 256;
    config.head_dim = 32;
    config.num_attention_heads = 8;
    config.tie_word_embeddings = tied;
    const auto lying = random_weights(config, type, ++seed);
    const auto packed = tulu::test::in_panels(*lying);
    const auto tokens = random_tokens(config, 41, seed);
    const rows wanted = fresh_logits(*make_model(lying), tokens);
    for (const model_table* table : tulu::test::usable_models()) {
      if (!table->has_panels()) continue;
      INFO(std::string{table->backend}, " ", std::string{tulu::name(type)}, " ", tied);
      const rows found = fresh_logits(*make_model(packed, *table), tokens);
      CHECK(distance(found, wanted) <= panel_bound(*table, type, true));
      const rows again = fresh_logits(*make_model(packed, *table, 64, 3), tokens);
      rows steps;
      const auto model = make_model(packed, *table, 64, 2);
      kv_cache cache = model->make_cache(41, dtype::f32);
      for (const token_id token : tokens) steps.push_back(copy(model->step(cache, token)));
      CHECK(distance(steps, wanted) <= panel_bound(*table, type, false));
      bool same = true;
      const rows few = fresh_logits(*make_model(packed, *table, 5, 1), tokens);
      for (std::size_t t = 0; t < tokens.size(); ++t)
        same = same && same_bits(found[t], again[t]) && same_bits(few[t], steps[t]);
      CHECK(same);
    }
  }
}

TEST_CASE("weights in panels are refused by a backend without kernels for them") {
  const auto packed = tulu::test::in_panels(*random_weights(small_config(), dtype::q8_0, 1));
  for (const model_table* table : tulu::test::usable_models())
    if (!table->has_panels())
      CHECK(message_of([&] { static_cast<void>(make_model(packed, *table)); }) ==
            "small model: expected weights in rows for the backend " + std::string{table->backend} +
                ", found weights in panels");
}

}  // namespace llama_model_test
