// Tokens per second of prefill and decode, beside what reading memory gives in the same run. The last line on standard
// output is JSON with --json.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "support/cli.hpp"
#include "support/loading.hpp"
#include "support/model_options.hpp"
#include "support/random_llama.hpp"
#include "support/type_names.hpp"
#include <tulu/model/llama_model.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  cli::model_arguments model{};
  std::string shape{};
  std::string cache = "f16";
  std::size_t prompt = 512, decode = 64, depth = 0, repetitions = 3;
  bool json = false;
};

/// The results of one repetition.
struct figures {
  double prefill = 0, decode = 0, bandwidth = 0;
};

[[nodiscard]] double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// 1.3 billion parameters.
[[nodiscard]] tulu::llama_config shape_1_3b() {
  tulu::llama_config shape;
  shape.file = "shape 1.3b";
  shape.hidden_size = 2048;
  shape.intermediate_size = 5504;
  shape.num_hidden_layers = 24;
  shape.num_attention_heads = shape.num_key_value_heads = 16;
  shape.head_dim = 128;
  shape.max_position_embeddings = 1 << 20;
  return shape;
}

/// SmolLM2-135M.
[[nodiscard]] tulu::llama_config shape_135m() {
  tulu::llama_config shape;
  shape.file = "shape 135m";
  shape.vocab_size = 49152;
  shape.hidden_size = 576;
  shape.intermediate_size = 1536;
  shape.num_hidden_layers = 30;
  shape.num_attention_heads = 9;
  shape.num_key_value_heads = 3;
  shape.head_dim = 64;
  shape.max_position_embeddings = 1 << 20;
  shape.tie_word_embeddings = true;
  return shape;
}

/// Bytes of weights that one token reads: every matrix but the table of embeddings.
[[nodiscard]] std::size_t bytes_per_token(const tulu::llama_weights& weights) {
  std::size_t bytes = weights.lm_head.bytes();
  for (const tulu::llama_layer& layer : weights.layers)
    for (const auto* matrix : tulu::llama_layer::matrices(layer)) bytes += matrix->bytes();
  return bytes;
}

/// The type of the largest matrix of a layer, which stands for all.
[[nodiscard]] tulu::dtype type_of(const tulu::llama_weights& weights) {
  return weights.layers.empty() ? weights.lm_head.type : weights.layers.front().gate_proj.type;
}

/// GB/s at which all threads read a gibibyte.
class read_loop {
 public:
  explicit read_loop(tulu::executor& workers) : workers_{workers}, sums_(workers.threads() * 16) {
    workers_.parallel_for(parts, [&](std::size_t part, std::size_t) {
      std::fill_n(words() + part * part_words, part_words, std::uint64_t{part});
    });
  }

  [[nodiscard]] double operator()() {
    const double seconds = seconds_of([&] {
      workers_.parallel_for(parts, [&](std::size_t part, std::size_t thread) {
        constexpr std::size_t together = 16;
        const std::uint64_t* const from = words() + part * part_words;
        std::uint64_t sums[together] = {};
        for (std::size_t i = 0; i < part_words; i += together)
          for (std::size_t k = 0; k < together; ++k) sums[k] += from[i + k];
        for (const std::uint64_t sum : sums) sums_[thread * 16] += sum;
      });
    });
    return static_cast<double>(buffer_.size()) / seconds / 1e9;
  }

 private:
  static constexpr std::size_t parts = 64, part_words = std::size_t{1} << 21;

  [[nodiscard]] std::uint64_t* words() noexcept { return reinterpret_cast<std::uint64_t*>(buffer_.data()); }

  tulu::executor& workers_;
  std::vector<std::uint64_t> sums_;  ///< one cache line apart a thread
  tulu::aligned_buffer buffer_{parts * part_words * sizeof(std::uint64_t)};
};

/// Uses the weights until their panels lie where they stay.
void settle(tulu::llama_model& model) {
  const auto& deferred = model.weights().deferred;
  while (!std::ranges::all_of(deferred, [](const auto& panels) { return panels->all_kept(); })) {
    tulu::kv_cache cache = model.make_cache(1, tulu::dtype::f16);
    model.step(cache, 0);
  }
}

[[nodiscard]] figures measure(tulu::llama_model& model, read_loop& reading, const arguments& given) {
  std::vector<tulu::token_id> tokens(std::max({given.prompt, given.depth, std::size_t{1}}));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<tulu::token_id>(i * 7919 % model.config().vocab_size);
  const std::span<const tulu::token_id> all{tokens};
  const auto cache_type = cli::parse_type(given.cache);
  figures result;
  result.bandwidth = reading();
  if (given.prompt != 0) {
    tulu::kv_cache cache = model.make_cache(given.depth + given.prompt, *cache_type);
    if (given.depth != 0) model.prefill(cache, all.first(given.depth));
    const double seconds = seconds_of([&] { model.prefill(cache, all.first(given.prompt)); });
    result.prefill = static_cast<double>(given.prompt) / seconds;
  }
  if (given.decode != 0) {
    tulu::kv_cache cache = model.make_cache(given.depth + given.decode + 1, *cache_type);
    model.prefill(cache, all.first(std::max<std::size_t>(1, given.depth)));
    const double seconds = seconds_of([&] {
      for (std::size_t i = 0; i < given.decode; ++i) model.step(cache, tokens[i % tokens.size()]);
    });
    result.decode = static_cast<double>(given.decode) / seconds;
  }
  return result;
}

[[nodiscard]] double median(std::vector<figures>& runs, double figures::*member) {
  const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
  std::nth_element(runs.begin(), middle, runs.end(),
                   [&](const figures& a, const figures& b) { return a.*member < b.*member; });
  return (*middle).*member;
}

[[nodiscard]] std::shared_ptr<const tulu::llama_weights> get_weights(const arguments& given,
                                                                     const tulu::load_options& options) {
  if (given.shape.empty()) return cli::load_llama_weights(given.model.model, options);
  const tulu::llama_config shape = given.shape == "135m" ? shape_135m() : shape_1_3b();
  return cli::random_llama(shape, options.weights.value_or(tulu::dtype::bf16), options.layout, *options.model.workers);
}

void bench(const arguments& given) {
  cli::progress_bar bar{!given.common.quiet};
  tulu::load_options options = cli::to_load_options(given.model, given.common, {}, bar);
  const auto weights = get_weights(given, options);
  bar.clear();
  tulu::llama_model model{weights, *options.kernels, options.model};
  settle(model);
  read_loop reading{model.workers()};
  std::vector<figures> runs;
  for (std::size_t i = 0; i < given.repetitions; ++i) {
    runs.push_back(measure(model, reading, given));
    if (!given.common.quiet)
      std::fprintf(stderr, "prefill %.2f tokens/s, decode %.2f tokens/s, reading %.1f GB/s\n", runs.back().prefill,
                   runs.back().decode, runs.back().bandwidth);
  }
  const double bandwidth = median(runs, &figures::bandwidth), prefill = median(runs, &figures::prefill);
  const double decode = median(runs, &figures::decode);
  const std::size_t bytes = bytes_per_token(*weights);
  const double share = decode * static_cast<double>(bytes) / 1e9 / bandwidth;
  if (given.json) {
    std::printf(
        "{\"prefill_tokens_per_s\":%.3f,\"decode_tokens_per_s\":%.3f,\"bytes_per_token\":%zu,"
        "\"read_bandwidth_gb_s\":%.3f}\n",
        prefill, decode, bytes, bandwidth);
  } else {
    std::printf("%s, %zu threads, %s: prefill %.2f tokens/s, decode %.2f tokens/s (%.0f %% of %.1f GB/s)\n",
                model.backend(), model.workers().threads(), std::string{name(type_of(*weights))}.c_str(), prefill,
                decode, 100 * share, bandwidth);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tokens per second of the forward pass: medians of some repetitions.", "llama_bench"};
  arguments given;
  cli::add_common_options(app, given.common);
  auto* model = app.add_option("--model", given.model.model, cli::model_help);
  auto* shape = app.add_option("--shape", given.shape, "Random weights of this shape");
  shape->check(cli::one_of(std::array<std::string_view, 2>{"135m", "1.3b"}))->excludes(model);
  cli::add_model_options(app, given.model);
  app.add_option("-p,--prompt", given.prompt, "Tokens of the prompt; 0: no prefill")->capture_default_str();
  app.add_option("-n,--decode", given.decode, "Tokens to decode; 0: none")->capture_default_str();
  app.add_option("-d,--depth", given.depth, "Tokens in the cache before what is measured")->capture_default_str();
  app.add_option("-t", given.common.threads, "Same as --threads");
  app.add_option("-r,--repetitions", given.repetitions, "Of everything")->check(CLI::PositiveNumber);
  app.add_option("--cache", given.cache, "Type of keys and values")
      ->check(cli::one_of(cli::cache_names))
      ->capture_default_str();
  app.add_flag("--json", given.json, "One line of JSON on standard output");
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  if (given.shape.empty() && given.model.model.empty()) {
    std::cerr << "error: --model or --shape is required\n";
    return 2;
  }
  return cli::guarded([&] { bench(given); });
}
