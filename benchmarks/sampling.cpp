// What it takes to choose one token among 32000, in microseconds. The logits are those of a model that is fairly sure:
// normal noise and a few dozen candidates that stand out; `flat` is the noise alone, the worst case of the filters.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include <tulu/sampling/sampler.hpp>

namespace {

constexpr std::size_t vocabulary = 32000;

std::vector<float> logits_of(bool flat) {
  tulu::rng generator{1};
  std::vector<float> logits(vocabulary);
  for (float& logit : logits) {
    double normal = -6;  // Irwin-Hall: the sum of 12 uniform numbers has variance 1
    for (int i = 0; i < 12; ++i) normal += generator.uniform();
    logit = static_cast<float>(2 * normal);
  }
  if (!flat)
    for (std::size_t rank = 0; rank < 40; ++rank)
      logits[generator.next() % vocabulary] = 18.0F - 0.25F * static_cast<float>(rank);
  return logits;
}

void choose(benchmark::State& state, tulu::sampling_options options, bool flat) {
  const std::vector<float> logits = logits_of(flat);
  std::vector<std::uint32_t> history(256);
  tulu::rng generator{2};
  std::ranges::generate(history, [&] { return static_cast<std::uint32_t>(generator.next() % vocabulary); });
  tulu::sampler sampler{options, vocabulary};
  for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(logits, history).id);
}

const tulu::sampling_options plain{.temperature = 0.7F, .want_logprob = false};

tulu::sampling_options everything() {
  tulu::sampling_options options{.temperature = 0.7F, .top_k = 1000, .top_p = 0.95F, .min_p = 0.001F};
  options.typical_p = 0.95F;
  options.repetition_penalty = 1.1F;
  options.presence_penalty = 0.1F;
  options.frequency_penalty = 0.1F;
  options.logit_bias = {{7, -1.0F}, {9, 2.0F}};
  options.top_logprobs = 5;
  return options;
}

template <class Change>
tulu::sampling_options with(Change change) {
  tulu::sampling_options options = plain;
  change(options);
  return options;
}

int registered = [] {
  const auto add = [](const char* name, const tulu::sampling_options& options, bool flat = false) {
    benchmark::RegisterBenchmark(name, choose, options, flat)->Unit(benchmark::kMicrosecond);
  };
  add("greedy", with([](auto& options) { options.temperature = 0; }));
  add("greedy/logprob", with([](auto& options) {
        options.temperature = 0;
        options.want_logprob = true;
      }));
  add("temperature", plain);
  add("top_k/40", with([](auto& options) { options.top_k = 40; }));
  add("top_p/0.9", with([](auto& options) { options.top_p = 0.9F; }));
  add("top_p/0.9/flat", with([](auto& options) { options.top_p = 0.9F; }), true);
  add("min_p/0.05", with([](auto& options) { options.min_p = 0.05F; }));
  add("typical/0.9", with([](auto& options) { options.typical_p = 0.9F; }));
  add("typical/0.9/flat", with([](auto& options) { options.typical_p = 0.9F; }), true);
  add("everything", everything());
  return 0;
}();

}  // namespace

BENCHMARK_MAIN();
