// The kernels of recover, of weights and SHA-256, single-threaded, beside memcpy and a plain loop in float32 as what
// the memory gives in the same run. bytes_per_second counts the bytes read and written (SHA-256: hashed). Sizes: in the
// level-2 cache, and far beyond every cache. of_peak of products is their share of what one thread reads from memory or
// computes at most (peaks.hpp), measured in the same run.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "peaks.hpp"
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/cpu.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/simd/sha256.hpp>

namespace {

using tulu::aligned_buffer;
using tulu::dtype;
using tulu::kernel::elementwise_table;
using tulu::kernel::model_table;
using tulu::kernel::panel_form;

constexpr std::int64_t in_cache = 1 << 14, in_memory = 1 << 24;  // elements

/// Small finite numbers in every type: no NaN, no subnormal.
aligned_buffer filled(dtype type, std::size_t count) {
  aligned_buffer buffer{tulu::bytes_of(type, count)};
  std::memset(buffer.data(), 0x3c, buffer.size());
  return buffer;
}

void report_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void copy(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const aligned_buffer from = filled(dtype::f32, n);
  aligned_buffer to = filled(dtype::f32, n);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::ClobberMemory();
  }
  report_bytes(state, 2 * from.size());
}

void stream_add(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const aligned_buffer a = filled(dtype::f32, n), b = filled(dtype::f32, n);
  aligned_buffer out = filled(dtype::f32, n);
  const auto* x = reinterpret_cast<const float*>(a.data());
  const auto* y = reinterpret_cast<const float*>(b.data());
  auto* z = reinterpret_cast<float*>(out.data());
  for (auto _ : state) {
    for (std::size_t i = 0; i < n; ++i) z[i] = x[i] + y[i];
    benchmark::ClobberMemory();
  }
  report_bytes(state, 3 * a.size());
}

void add(benchmark::State& state, const elementwise_table* table, dtype a_type, dtype b_type, dtype out_type) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const aligned_buffer a = filled(a_type, n), b = filled(b_type, n);
  aligned_buffer out = filled(out_type, n);
  const auto kernel = table->adder(a_type, b_type, out_type);
  for (auto _ : state) {
    kernel(a.data(), b.data(), out.data(), n);
    benchmark::ClobberMemory();
  }
  report_bytes(state, a.size() + b.size() + out.size());
}

void convert(benchmark::State& state, const elementwise_table* table, dtype in_type, dtype out_type) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const aligned_buffer in = filled(in_type, n);
  aligned_buffer out = filled(out_type, n);
  const auto kernel = table->converter(in_type, out_type);
  for (auto _ : state) {
    kernel(in.data(), out.data(), n);
    benchmark::ClobberMemory();
  }
  report_bytes(state, in.size() + out.size());
}

void accumulate(benchmark::State& state, const elementwise_table* table, dtype type) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const aligned_buffer row = filled(type, n);
  aligned_buffer sums = filled(dtype::f64, n);
  const auto kernel = table->accumulator(type);
  for (auto _ : state) {
    kernel(row.data(), reinterpret_cast<double*>(sums.data()), n);
    benchmark::ClobberMemory();
  }
  report_bytes(state, row.size() + 2 * sums.size());
}

/// items_per_second counts weights.
void report_weights(benchmark::State& state, std::size_t weights) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(weights));
}

constexpr std::size_t row_weights = 2048;

void decode(benchmark::State& state, const model_table* table, dtype type) {
  const aligned_buffer row = filled(type, row_weights);
  aligned_buffer out = filled(dtype::f32, row_weights);
  const auto kernel = table->to_float[model_table::at(type)];
  for (auto _ : state) {
    kernel(row.data(), reinterpret_cast<float*>(out.data()), row_weights);
    benchmark::ClobberMemory();
  }
  report_weights(state, row_weights);
}

/// 64 rows, which stay in the level-2 cache, with so many tokens.
void multiply_few(benchmark::State& state, const model_table* table, dtype type) {
  constexpr std::size_t rows = 64;
  const auto tokens = static_cast<std::size_t>(state.range(0));
  const aligned_buffer weights = filled(type, rows * row_weights), x = filled(dtype::f32, tokens * row_weights);
  aligned_buffer y = filled(dtype::f32, tokens * rows);
  const auto kernel = table->multiply_few[model_table::at(type)];
  for (auto _ : state) {
    kernel(weights.data(), rows, row_weights, reinterpret_cast<const float*>(x.data()), row_weights, tokens,
           reinterpret_cast<float*>(y.data()), rows, false);
    benchmark::ClobberMemory();
  }
  report_weights(state, rows * row_weights);
}

/// What one thread does at most: GB/s read from memory, or thousand millions of operations for a key of peaks::figures.
double peak(std::string_view key) {
  static std::map<std::string_view, double> known;
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (key == "read") return known[key] = peaks::read_rate(1);
  for (const peaks::figure& each : peaks::figures())
    if (key == each.key) return known[key] = peaks::rate(each.best, 1);
  return known[key] = peak("f32_gflops");  // of what is used where the type has no instruction of its own
}

/// `amount` per iteration as a share of that peak.
void report_share(benchmark::State& state, double amount, std::string_view key) {
  state.counters["of_peak"] =
      benchmark::Counter{amount / (peak(key) * 1e9), benchmark::Counter::kIsIterationInvariantRate};
}

/// A square matrix beyond the level-2 cache with so few tokens, one after the other of as many as 256 MiB hold.
/// bytes_per_second counts the weights.
void few_from_memory(benchmark::State& state, const model_table* table, dtype type, bool in_panels) {
  constexpr std::size_t size = row_weights;
  const auto tokens = static_cast<std::size_t>(state.range(0)), at = model_table::at(type);
  const std::size_t bytes =
      in_panels ? tulu::kernel::panels_bytes(type, size, size) : tulu::bytes_of(type, size * size);
  const std::size_t matrices = (std::size_t{1} << 28) / bytes;
  const aligned_buffer weights = filled(dtype::u8, matrices * bytes), x = filled(dtype::f32, tokens * size);
  aligned_buffer y = filled(dtype::f32, tokens * size);
  std::vector<tulu::kernel::token_group> groups(tokens * size / tulu::kernel::token_group::size);
  const auto* const floats = reinterpret_cast<const float*>(x.data());
  auto* const out = reinterpret_cast<float*>(y.data());
  const std::size_t stride = size / tulu::kernel::token_group::size;
  const auto group_tokens = table->group_tokens[model_table::at(table->few_form[at])];
  for (std::size_t t = 0; in_panels && t < tokens; ++t)
    group_tokens(floats + t * size, size, groups.data() + t * stride);
  std::size_t next = 0;
  for (auto _ : state) {
    const std::byte* const matrix = weights.data() + next * bytes;
    if (in_panels)
      table->panels_times_few[at](matrix, size, size, groups.data(), stride, tokens, out, size, false);
    else
      table->multiply_few[at](matrix, size, size, floats, size, tokens, out, size, false);
    benchmark::ClobberMemory();
    next = (next + 1) % matrices;
  }
  report_bytes(state, bytes);
  report_share(state, static_cast<double>(bytes), "read");
}

/// The peak of products with tokens packed in this form.
std::string_view product_peak(const model_table* table, panel_form form) {
  switch (form) {
    case panel_form::f32:
      return "f32_gflops";
    case panel_form::bf16:
      return std::string_view{table->backend} == "avx512_amx" ? "amx_bf16_gflops" : "bf16_gflops";
    case panel_form::words:
      return "int16_gops";
    default:
      return "int8_gops";
  }
}

/// A square matrix with 512 tokens, packed outside the clock. items_per_second counts multiplications and additions.
void many_tokens(benchmark::State& state, const model_table* table, dtype type, bool in_panels) {
  constexpr std::size_t size = row_weights, tokens = 512;
  const std::size_t at = model_table::at(type);
  const panel_form form = in_panels                              ? table->panel_product[at]
                          : table->row_product[at] == dtype::f32 ? panel_form::f32
                                                                 : panel_form::bf16;
  const std::size_t bytes = in_panels ? tulu::kernel::panels_bytes(type, 1, size) : tulu::bytes_of(type, size);
  const std::size_t rows_of_bytes = in_panels ? tulu::kernel::panel_rows : 1;
  const aligned_buffer weights = filled(dtype::u8, size / rows_of_bytes * bytes), x = filled(dtype::f32, tokens * size);
  const std::size_t tile = table->tile_tokens;
  aligned_buffer y = filled(dtype::f32, tokens * size);
  aligned_buffer packed = filled(dtype::f32, (tokens + tile - 1) / tile * tile * size);
  aligned_buffer scratch{sizeof(float) * std::max(tulu::kernel::many_scratch(table->many_rows, tokens),
                                                  tulu::kernel::multiply_scratch(table->block_rows, tokens, tile))};
  const auto* const floats = reinterpret_cast<const float*>(x.data());
  if (in_panels) {
    table->pack_many[model_table::at(form)](floats, size, 0, tokens, tokens, size, packed.data());
  } else {
    const dtype product = table->row_product[at];
    for (std::size_t t = 0; t < tokens; t += tile)
      table->pack_tokens[model_table::at(product)](floats + t * size, size, std::min(tile, tokens - t), size,
                                                   packed.data() + t * size * tulu::size_of(product));
  }
  const auto kernel = in_panels ? table->panels_times_many[at] : table->multiply_many[at];
  const std::size_t step = in_panels ? table->many_rows : table->block_rows;
  for (auto _ : state) {
    for (std::size_t row = 0; row < size; row += step)
      kernel(weights.data() + row / rows_of_bytes * bytes, std::min(step, size - row), size, packed.data(), tokens,
             reinterpret_cast<float*>(y.data()) + row, size, false, reinterpret_cast<float*>(scratch.data()));
    benchmark::ClobberMemory();
  }
  constexpr std::size_t operations = 2 * size * size * tokens;
  report_weights(state, operations);
  report_share(state, static_cast<double>(operations), product_peak(table, form));
}

/// A head of 128 with 2048 positions in the cache: of one token, or of 128 that follow. bytes_per_second counts what is
/// read of the cache, items_per_second multiplications and additions.
void attend(benchmark::State& state, const model_table* table, dtype type) {
  constexpr std::size_t head_dim = 128, before = 2048;
  const auto heads = static_cast<std::size_t>(state.range(0)), tokens = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t together = tulu::kernel::attention_block;
  const std::size_t block = together / 16 * tulu::kernel::kv_panel_bytes(type, head_dim);
  const std::size_t bytes = (before + tokens + together - 1) / together * block;
  // Caches one after the other, beyond the level-2 cache: as the heads of a layer.
  const std::size_t caches = tokens == 1 ? 64 : 1;
  const aligned_buffer keys = filled(dtype::u8, caches * bytes), values = filled(dtype::u8, caches * bytes);
  const aligned_buffer queries = filled(dtype::f32, tokens * heads * head_dim);
  aligned_buffer out = filled(dtype::f32, tokens * heads * head_dim);
  aligned_buffer scratch = filled(dtype::f32, tulu::kernel::attention_scratch(heads, head_dim));
  const tulu::kernel::attention_shape shape{heads, head_dim, before, 0.1F, tokens, heads * head_dim, block};
  const auto kernel = table->attend[model_table::cache_at(type)];
  std::size_t next = 0;
  for (auto _ : state) {
    kernel(reinterpret_cast<const float*>(queries.data()), keys.data() + next * bytes, values.data() + next * bytes,
           shape, reinterpret_cast<float*>(out.data()), reinterpret_cast<float*>(scratch.data()));
    benchmark::ClobberMemory();
    next = (next + 1) % caches;
  }
  report_bytes(state, 2 * bytes);
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(4 * head_dim * heads * tokens * (before + tokens / 2)));
}

void sha256_single(benchmark::State& state, const tulu::io::sha256_functions& functions) {
  const aligned_buffer data = filled(dtype::u8, static_cast<std::size_t>(state.range(0)));
  tulu::io::sha256 hash{functions};
  for (auto _ : state) {
    hash.update(data.bytes());
    benchmark::DoNotOptimize(hash);
  }
  report_bytes(state, data.size());
}

/// Bytes hashed count twice: two hashes take them.
void sha256_pair(benchmark::State& state, const tulu::io::sha256_functions& functions) {
  const aligned_buffer data = filled(dtype::u8, static_cast<std::size_t>(state.range(0)));
  tulu::io::sha256 a{functions}, b{functions};
  a.update(data.bytes().first(13));
  for (auto _ : state) {
    update_pair(a, b, data.bytes());
    benchmark::DoNotOptimize(a);
    benchmark::DoNotOptimize(b);
  }
  report_bytes(state, 2 * data.size());
}

void register_elementwise(const elementwise_table* table) {
  const std::string suffix = std::string{"/"} + table->backend;
  const auto both = [&](const std::string& name, auto function, auto... types) {
    benchmark::RegisterBenchmark((name + suffix).c_str(), function, table, types...)->Arg(in_cache)->Arg(in_memory);
  };
  both("add f16+f16 to f32", add, dtype::f16, dtype::f16, dtype::f32);
  both("add f32+f32 to f32", add, dtype::f32, dtype::f32, dtype::f32);
  both("add f16+f16 to f16", add, dtype::f16, dtype::f16, dtype::f16);
  both("add bf16+bf16 to bf16", add, dtype::bf16, dtype::bf16, dtype::bf16);
  both("convert f16 to f32", convert, dtype::f16, dtype::f32);
  both("convert f32 to f16", convert, dtype::f32, dtype::f16);
  both("convert f32 to bf16", convert, dtype::f32, dtype::bf16);
  both("accumulate f16", accumulate, dtype::f16);
}

void register_attention(const model_table* table) {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16, dtype::q8_0})
    benchmark::RegisterBenchmark(("attend " + std::string{tulu::traits(type).torch} + "/" + table->backend).c_str(),
                                 attend, table, type)
        ->ArgNames({"heads", "tokens"})
        ->Args({1, 1})
        ->Args({3, 1})
        ->Args({4, 1})
        ->Args({1, 128})
        ->Args({4, 128});
}

void register_weights(const model_table* table) {
  for (const auto& each : tulu::dtypes) {
    if (!tulu::is_weight_type(each.type)) continue;
    const std::string suffix = std::string{each.torch} + "/" + table->backend;
    if (tulu::is_block_type(each.type))
      benchmark::RegisterBenchmark(("decode " + suffix).c_str(), decode, table, each.type);
    benchmark::RegisterBenchmark(("multiply_few " + suffix).c_str(), multiply_few, table, each.type)->Arg(1)->Arg(4);
    for (const bool in_panels : {false, true}) {
      if (in_panels && table->panels_times_few[model_table::at(each.type)] == nullptr) continue;
      const std::string name = in_panels ? "panels " : "rows ";
      benchmark::RegisterBenchmark((name + "few " + suffix).c_str(), few_from_memory, table, each.type, in_panels)
          ->ArgName("tokens")
          ->Arg(1)
          ->Arg(8);
      benchmark::RegisterBenchmark((name + "many " + suffix).c_str(), many_tokens, table, each.type, in_panels);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const tulu::cpu_features cpu = tulu::detect_cpu();
  benchmark::RegisterBenchmark("memcpy", copy)->Arg(in_cache)->Arg(in_memory);
  benchmark::RegisterBenchmark("stream add f32", stream_add)->Arg(in_cache)->Arg(in_memory);
  for (const auto* backend : tulu::kernel::usable_backends(cpu)) register_elementwise(backend->elementwise);
  for (const auto* backend : tulu::kernel::usable_backends(cpu)) register_weights(backend->model);
  for (const auto* backend : tulu::kernel::usable_backends(cpu)) register_attention(backend->model);
  constexpr std::int64_t hashed = 1 << 22;
  benchmark::RegisterBenchmark("sha256/portable", sha256_single, tulu::io::portable_sha256)->Arg(hashed);
  benchmark::RegisterBenchmark("sha256/best", sha256_single, tulu::simd::best_sha256(cpu))->Arg(hashed);
  benchmark::RegisterBenchmark("sha256 pair/best", sha256_pair, tulu::simd::best_sha256(cpu))->Arg(hashed);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
