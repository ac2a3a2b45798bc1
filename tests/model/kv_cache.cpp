#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/model/kv_cache.hpp>

namespace kv_cache_test {

using tulu::dtype;
using tulu::kv_cache;
using tulu::token_id;

tulu::llama_config small_config() {
  tulu::llama_config config;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 20;
  return config;
}

std::vector<token_id> held(const kv_cache& cache) {
  return {cache.tokens().begin(), cache.tokens().end()};
}

TEST_CASE("a cache is empty at first, of the size that was said before") {
  for (const auto& [type, keys, values] :
       {std::tuple{dtype::f32, 80, 128}, {dtype::f16, 40, 64}, {dtype::bf16, 40, 64}, {dtype::q8_0, 24, 36}}) {
    for (const std::size_t capacity : {0U, 1U, 7U, 16U, 17U, 64U, 65U, 128U}) {
      kv_cache cache{small_config(), capacity, type};
      CHECK(cache.type() == type);
      CHECK(cache.capacity() == capacity);
      CHECK(cache.size() == 0);
      const std::size_t unit = capacity > 64 ? 64 : 16, positions = (capacity + unit - 1) / unit * unit;
      CHECK(cache.bytes() == 3 * 2 * positions * static_cast<std::size_t>(keys + values));
      CHECK(cache.bytes() == kv_cache::bytes_for(small_config(), capacity, type));
    }
  }
}

TEST_CASE("the panels of every block, layer and head lie beside each other without overlap") {
  for (const std::size_t capacity : {20U, 150U}) {
    kv_cache cache{small_config(), capacity, dtype::f16};
    const std::size_t block = std::min<std::size_t>(64, (capacity + 15) / 16 * 16);
    std::byte* next = cache.keys(0, 0, 0);
    for (std::size_t position = 0; position < capacity; position += 64)
      for (std::size_t layer = 0; layer < 3; ++layer)
        for (std::size_t head = 0; head < 2; ++head) {
          for (const std::size_t inside : {std::size_t{0}, block - 1}) {
            CHECK(cache.keys(layer, head, position + inside) == next);
            CHECK(cache.values(layer, head, position + inside) == next + block * 20 * 2);
          }
          next += block * (20 + 32) * 2;
          CHECK(reinterpret_cast<std::uintptr_t>(next) % 64 == 0);
        }
    CHECK(next == cache.keys(0, 0, 0) + cache.bytes());
    CHECK(cache.keys(2, 1, 0) + cache.block_stride() == cache.keys(2, 1, 64));
  }
}

TEST_CASE("tokens are appended and forgotten from the end") {
  kv_cache cache{small_config(), 6, dtype::f32};
  const std::vector<token_id> tokens{5, 6, 7, 8};
  cache.append(tokens);
  CHECK(held(cache) == tokens);
  cache.truncate(9);
  CHECK(held(cache) == tokens);
  cache.truncate(2);
  CHECK(held(cache) == std::vector<token_id>{5, 6});
  cache.append(std::vector<token_id>{1});
  CHECK(held(cache) == std::vector<token_id>{5, 6, 1});
  cache.truncate(0);
  CHECK(cache.size() == 0);
}

TEST_CASE("of a prompt what it shares with the cache is kept, but for its last token") {
  struct example {
    std::vector<token_id> held, prompt, kept;
  };
  const example examples[] = {
      {{1, 2, 3}, {1, 2, 3, 4}, {1, 2, 3}},
      {{1, 2, 3}, {1, 2, 3}, {1, 2}},
      {{1, 2, 3}, {1, 2}, {1}},
      {{1, 2, 3}, {1, 9, 3}, {1}},
      {{1, 2, 3}, {9, 2, 3}, {}},
      {{1, 2, 3}, {1}, {}},
      {{1, 2, 3}, {}, {}},
      {{}, {1, 2}, {}},
      {{1, 2, 3}, {1, 2, 9, 4, 5}, {1, 2}},
  };
  for (const example& each : examples) {
    kv_cache cache{small_config(), 8, dtype::f32};
    cache.append(each.held);
    CHECK(cache.keep_common_prefix(each.prompt) == each.kept.size());
    CHECK(held(cache) == each.kept);
  }
}

TEST_CASE("a cache fits the models of its own shape only") {
  const kv_cache cache{small_config(), 4, dtype::f32};
  CHECK(cache.fits(small_config()));
  auto other = small_config();
  other.num_attention_heads = 8;  // more query heads share the same keys
  CHECK(cache.fits(other));
  for (auto member : {&tulu::llama_config::num_hidden_layers, &tulu::llama_config::num_key_value_heads,
                      &tulu::llama_config::head_dim}) {
    other = small_config();
    other.*member += 2;
    CHECK_FALSE(cache.fits(other));
  }
}

TEST_CASE("a cache of another type, and one too large for any machine, are refused") {
  using tulu::test::message_of;
  CHECK(message_of([] { kv_cache cache(small_config(), 4, dtype::i32); }) ==
        "KV cache: expected F32, F16, BF16 or Q8_0, found I32");
  const std::size_t most = std::numeric_limits<std::size_t>::max() / 8;
  CHECK(message_of([&] { (void)kv_cache::bytes_for(small_config(), most, dtype::f32); }) ==
        "KV cache: " + std::to_string(most) + " positions are more than a machine can hold");
}

}  // namespace kv_cache_test
