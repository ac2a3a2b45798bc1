// The tokenizer, single-threaded: bytes of text per second. TULU_TOKENIZER_MODEL names a model (folder or file),
// TULU_TOKENIZER_MODE a mode, TULU_TOKENIZER_TEXT a file of text; without the first and the last nothing is measured.
// benchmarks/tokenizer.py compares with other tokenizers.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "support/loading.hpp"
#include <tulu/tokenizer/stream_decoder.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace {

std::string setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The tokenizer and the text that all benchmarks share; nothing when the environment names none.
struct subject {
  tulu::tokenizer tokens;
  std::string text;
  tulu::encode_workspace workspace{};
};

std::optional<subject> load_subject() {
  const std::string model = setting("TULU_TOKENIZER_MODEL");
  const std::string path = setting("TULU_TOKENIZER_TEXT");
  if (model.empty() || path.empty()) return std::nullopt;
  std::ifstream file{path, std::ios::binary};
  return subject{cli::load_tokenizer(model, tulu::parse_tokenizer_mode(setting("TULU_TOKENIZER_MODE"))),
                 {std::istreambuf_iterator<char>{file}, {}}};
}

subject* shared(benchmark::State& state) {
  static std::optional<subject> loaded = load_subject();
  if (loaded) return &*loaded;
  for (auto _ : state) {
  }
  state.SetLabel("skipped: set TULU_TOKENIZER_MODEL and TULU_TOKENIZER_TEXT");
  return nullptr;
}

void encode_in_texts_of(benchmark::State& state, std::size_t size) {
  subject* const own = shared(state);
  if (own == nullptr) return;
  std::vector<tulu::token_id> ids(3 * std::min(size, own->text.size()) + 8);
  for (auto _ : state) {
    for (std::size_t at = 0; at < own->text.size(); at += size) {
      const std::string_view text = std::string_view{own->text}.substr(at, size);
      benchmark::DoNotOptimize(own->tokens.encode(text, ids, own->workspace));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(own->text.size()));
}
void encode_file(benchmark::State& state) {
  encode_in_texts_of(state, std::string::npos / 8);
}
void encode_file_2kB_texts(benchmark::State& state) {
  encode_in_texts_of(state, 2000);
}

void decode_file(benchmark::State& state) {
  subject* const own = shared(state);
  if (own == nullptr) return;
  const auto ids = own->tokens.encode(own->text, own->workspace);
  for (auto _ : state) benchmark::DoNotOptimize(own->tokens.decode(ids));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(own->text.size()));
}

void decode_file_as_a_stream(benchmark::State& state) {
  subject* const own = shared(state);
  if (own == nullptr) return;
  const auto ids = own->tokens.encode(own->text, own->workspace);
  for (auto _ : state) {
    tulu::stream_decoder decoder{own->tokens};
    for (const tulu::token_id id : ids) benchmark::DoNotOptimize(decoder.push(id));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(own->text.size()));
}

void load_model(benchmark::State& state) {
  if (shared(state) == nullptr) return;
  const std::string model = setting("TULU_TOKENIZER_MODEL");
  const auto mode = tulu::parse_tokenizer_mode(setting("TULU_TOKENIZER_MODE"));
  for (auto _ : state) benchmark::DoNotOptimize(cli::load_tokenizer(model, mode));
}

}  // namespace

BENCHMARK(encode_file);
BENCHMARK(encode_file_2kB_texts);
BENCHMARK(decode_file);
BENCHMARK(decode_file_as_a_stream);
BENCHMARK(load_model);

BENCHMARK_MAIN();
