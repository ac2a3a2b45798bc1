#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include "support/random_model.hpp"
#include "support/scripted_model.hpp"
#include <tulu/generation/generator.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/kernel/gemv.hpp>
#include <tulu/model/llama_model.hpp>

namespace lookup_steps_test {

using ids = std::vector<tulu::token_id>;
using tulu::dtype;

static_assert(tulu::most_lookup_drafts + 1 == tulu::kernel::few_tokens);

/// Ids 259, 260, …: "ab", "c", " d", "e".
const tulu::tokenizer& words() {
  static const tulu::tokenizer made = tulu::test::tokenizer_of(tulu::test::llama_proto({"ab", "c", "\u2581d", "e"}));
  return made;
}

tulu::llama_config small_config() {
  tulu::llama_config config;
  config.file = "small model";
  config.head_dim = 16;
  config.num_key_value_heads = 2;
  config.num_attention_heads = 4;
  config.hidden_size = 32;
  config.intermediate_size = 64;
  config.vocab_size = words().size() + 3;
  config.num_hidden_layers = 2;
  config.rms_norm_eps = 1e-5;
  config.rope_theta = 10000;
  config.max_position_embeddings = 256;
  return config;
}

std::unique_ptr<tulu::llama_model> small_model(unsigned seed, dtype type = dtype::f32, std::size_t max_batch = 64,
                                               const tulu::llama_config& config = small_config()) {
  return std::make_unique<tulu::llama_model>(
      tulu::test::random_weights(config, type, seed), *tulu::kernel::backend_portable().model,
      tulu::model_options{.max_batch = max_batch, .max_sequences = 1, .workers = std::make_shared<tulu::executor>(1)});
}

std::vector<std::uint32_t> bits(std::span<const float> values) {
  std::vector<std::uint32_t> out;
  for (const float value : values) out.push_back(std::bit_cast<std::uint32_t>(value));
  return out;
}

ids tokens_of(const tulu::kv_cache& cache) {
  return {cache.tokens().begin(), cache.tokens().end()};
}

/// `count` tokens that repeat what was there before in stretches, with others between them.
ids repetitive(std::size_t count, unsigned seed) {
  std::mt19937 random{seed};
  ids out{1};
  while (out.size() < count) {
    const std::size_t from = random() % out.size(), length = 1 + random() % 12;
    for (std::size_t i = 0; i < length; ++i) out.push_back(out[from + i]);
    out.push_back(static_cast<tulu::token_id>(random() % words().size()));
  }
  out.resize(count);
  return out;
}

/// Steps through `sequence` behind its first eight tokens, with and without drafts.
tulu::generation_stats compare_steps(tulu::llama_model& model, const ids& sequence, std::size_t drafts) {
  tulu::kv_cache plain = model.make_cache(sequence.size()), drafted = model.make_cache(sequence.size());
  const auto prompt = std::span{sequence}.first(8);
  model.prefill(plain, prompt);
  model.prefill(drafted, prompt);
  tulu::generation_stats stats;
  tulu::lookup_steps step{model, drafted, drafts, stats};
  for (std::size_t at = prompt.size(); at < sequence.size(); ++at) {
    const auto expected = bits(model.step(plain, sequence[at]));
    REQUIRE(bits(step(sequence[at], tulu::unlimited)) == expected);
    REQUIRE(tokens_of(drafted) == tokens_of(plain));
  }
  return stats;
}

/// All that an answer shows of itself.
struct heard {
  tulu::token_id id;
  std::string bytes, text;
  std::vector<std::uint32_t> logprobs;
  ids top, cache;
  bool operator==(const heard&) const = default;
};
struct answer {
  std::vector<heard> pieces{};
  tulu::generation_result result{};
  ids cache{};
  bool threw = false;
};

/// Whether an answer goes on after its n-th piece; may throw.
using listener = std::function<bool(std::size_t n, std::stop_source& stop)>;

answer ask(tulu::generator<tulu::llama_model>& generator, const ids& prompt, const listener& listen = {}) {
  answer found;
  std::stop_source stop;
  try {
    found.result = generator.generate(
        prompt,
        [&](const tulu::generated_piece& piece) {
          heard each{piece.id, std::string{piece.bytes},    std::string{piece.text}, bits({&piece.logprob, 1}),
                     {},       tokens_of(generator.cache())};
          for (const auto& [id, logprob] : piece.top) {
            each.top.push_back(id);
            each.logprobs.push_back(std::bit_cast<std::uint32_t>(logprob));
          }
          found.pieces.push_back(std::move(each));
          return !listen || listen(found.pieces.size(), stop);
        },
        stop.get_token());
  } catch (const std::runtime_error&) {
    found.threw = true;
  }
  found.cache = tokens_of(generator.cache());
  return found;
}

void check_equal(const answer& found, const answer& plain) {
  REQUIRE(found.pieces.size() == plain.pieces.size());
  for (std::size_t i = 0; i < found.pieces.size(); ++i) CHECK_MESSAGE(found.pieces[i] == plain.pieces[i], i);
  CHECK(found.result.text == plain.result.text);
  CHECK(found.result.ids == plain.result.ids);
  CHECK(found.result.reason == plain.result.reason);
  CHECK(found.result.stop_string == plain.result.stop_string);
  CHECK(found.result.stats.prompt_tokens == plain.result.stats.prompt_tokens);
  CHECK(found.result.stats.reused_tokens == plain.result.stats.reused_tokens);
  CHECK(found.result.stats.new_tokens == plain.result.stats.new_tokens);
  CHECK(found.result.stats.decode_steps == plain.result.stats.decode_steps);
  CHECK(found.cache == plain.cache);
  CHECK(found.threw == plain.threw);
}

tulu::generation_options greedy() {
  tulu::generation_options options;
  options.sampling.temperature = 0;
  options.sampling.top_logprobs = 3;
  options.stop_tokens = ids{};
  options.max_new_tokens = 60;
  return options;
}

/// Answers with each number of drafts, and what is asked after that, are those without; returns what was drafted.
tulu::generation_stats compare_answers(tulu::llama_model& model, const tulu::generation_options& options,
                                       const ids& prompt, std::size_t context = 200, const listener& listen = {}) {
  tulu::generation_stats sum;
  tulu::generator plain{model, words(), options, {.capacity = context}};
  const answer expected = ask(plain, prompt, listen);
  ids next = expected.cache;
  next.resize(std::min(next.size(), context - 1));
  next.push_back(5);
  const answer expected_next = ask(plain, next, listen);
  for (std::size_t drafts = 1; drafts <= tulu::most_lookup_drafts; ++drafts) {
    CAPTURE(drafts);
    tulu::generation_options with = options;
    with.lookup = drafts;
    tulu::generator drafted{model, words(), with, {.capacity = context}};
    const answer found = ask(drafted, prompt, listen);
    check_equal(found, expected);
    check_equal(ask(drafted, next, listen), expected_next);
    sum.drafted_tokens += found.result.stats.drafted_tokens;
    sum.accepted_tokens += found.result.stats.accepted_tokens;
  }
  return sum;
}

/// A model that answers `says`, with up to `drafts` drafts.
struct script {
  script(ids says, std::size_t drafts, std::size_t context = 64) : model{words().size(), context} {
    model.answers = {std::move(says)};
    options.sampling.temperature = 0;
    options.lookup = drafts;
  }
  tulu::generation_result run() { return tulu::generator{model, words(), options}.generate(ids{1, 260, 260}); }
  tulu::test::scripted_model model;
  tulu::generation_options options{};
};

using sizes = std::vector<std::size_t>;

TEST_CASE("the logits of steps with drafts are those of steps, bit for bit") {
  tulu::generation_stats sum;
  unsigned seed = 0;
  for (const dtype type : {dtype::f32, dtype::bf16, dtype::q8_0, dtype::q4_0})
    for (const std::size_t max_batch : {64U, 3U}) {
      CAPTURE(max_batch);
      const auto model = small_model(++seed, type, max_batch);
      const auto stats = compare_steps(*model, repetitive(90, seed), 1 + seed % tulu::most_lookup_drafts);
      sum.drafted_tokens += stats.drafted_tokens;
      sum.accepted_tokens += stats.accepted_tokens;
    }
  CHECK(sum.accepted_tokens > 100);
  CHECK(sum.drafted_tokens > sum.accepted_tokens + 50);
}

TEST_CASE("dynamic scaling of angles ends the drafts where it begins") {
  tulu::llama_config config = small_config();
  config.scaling.type = tulu::rope_scaling_type::dynamic;
  config.scaling.factor = 2;
  config.max_position_embeddings = 40;
  const auto model = small_model(3, dtype::f32, 64, config);
  CHECK(compare_steps(*model, repetitive(90, 3), 7).accepted_tokens > 0);
}

TEST_CASE("no drafts cost nothing: every step is one of the model") {
  script f{ids(10, 259), 0};
  const auto result = f.run();
  CHECK(f.model.steps == 10);
  CHECK(f.model.tokens_of_all.empty());
  CHECK(result.stats.drafted_tokens == 0);
}

TEST_CASE("the number of drafts doubles while they are right") {
  script f{ids(40, 259), 7};
  f.options.max_new_tokens = 30;
  const auto result = f.run();
  CHECK(result.ids == ids(30, 259));
  // The first pair comes with the third token, whose pass is the first with drafts. The last pass has no more drafts
  // than the answer may take.
  CHECK(f.model.tokens_of_all == sizes{2, 3, 5, 8, 8});
  CHECK(f.model.steps == 3);
  CHECK(result.stats.decode_steps == 29);
  CHECK(result.stats.drafted_tokens == 21);
  CHECK(result.stats.accepted_tokens == 21);
}

TEST_CASE("after wrong drafts there are as many as were right, at least one") {
  ids says(13, 259);
  says.push_back(10);  // instead of the first of seven drafts; then a 10 is guessed three times
  says.insert(says.end(), 12, 259);
  says.insert(says.end(), {11, 259, 259});  // 11 instead of the third of four
  script f{says, 7};
  const auto result = f.run();
  CHECK(result.ids == says);
  CHECK(f.model.tokens_of_all == sizes{2, 3, 5, 8, 2, 2, 2, 2, 3, 5, 3});
  CHECK(result.stats.drafted_tokens == 26);
  CHECK(result.stats.accepted_tokens == 12);
  CHECK(f.model.steps + f.model.tokens_of_all.size() + result.stats.accepted_tokens == says.size());
}

TEST_CASE("drafts never exceed the context") {
  for (std::size_t context = 3; context < 24; ++context) {
    script f{ids(40, 259), 7, context};
    const auto result = f.run();  // the model throws when there is no room
    CHECK(result.ids == ids(context - 2, 259));
    CHECK(result.reason == tulu::end_reason::context_full);
  }
}

TEST_CASE("answers with drafts are those without") {
  tulu::generation_stats sum;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    const auto model = small_model(seed);
    const auto stats = compare_answers(*model, greedy(), repetitive(30, seed));
    sum.drafted_tokens += stats.drafted_tokens;
    sum.accepted_tokens += stats.accepted_tokens;
  }
  CHECK(sum.accepted_tokens > 200);
  CHECK(sum.drafted_tokens > sum.accepted_tokens);
}

TEST_CASE("penalties and bias see what they would see without drafts") {
  const auto model = small_model(2);
  tulu::generation_options options = greedy();
  options.sampling.frequency_penalty = 0.3F;
  options.sampling.penalty_window = 20;
  options.sampling.repetition_penalty = 1.05F;
  options.sampling.logit_bias = {{3, 1.0F}};
  const auto stats = compare_answers(*model, options, repetitive(30, 2));
  CHECK(stats.accepted_tokens > 0);
  CHECK(stats.drafted_tokens > stats.accepted_tokens);
}

TEST_CASE("an answer may end at every token of a draft") {
  const auto model = small_model(1);
  const ids prompt = repetitive(30, 1);
  tulu::generator plain{*model, words(), greedy(), {.capacity = 200}};
  const answer whole = ask(plain, prompt);
  REQUIRE(whole.result.ids.size() == 60);
  for (std::size_t n = 1; n <= 24; ++n) {
    CAPTURE(n);
    tulu::generation_options options = greedy();
    options.max_new_tokens = n;
    compare_answers(*model, options, prompt);
    compare_answers(*model, greedy(), prompt, prompt.size() + n);
    compare_answers(*model, greedy(), prompt, 200, [&](std::size_t at, std::stop_source&) { return at != n; });
    compare_answers(*model, greedy(), prompt, 200, [&](std::size_t at, std::stop_source& stop) {
      if (at == n) stop.request_stop();
      return true;
    });
    compare_answers(*model, greedy(), prompt, 200, [&](std::size_t at, std::stop_source&) {
      if (at == n) throw std::runtime_error{"of the caller"};
      return true;
    });
    options = greedy();
    options.stop_tokens = ids{whole.result.ids[n]};
    compare_answers(*model, options, prompt);
    options = greedy();
    if (!whole.pieces[n].text.empty()) options.stop = {whole.pieces[n - 1].text + whole.pieces[n].text};
    compare_answers(*model, options, prompt);
  }
}

}  // namespace lookup_steps_test
