#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../support/gguf_builder.hpp"
#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/load_llama_config.hpp>

using tulu::load_llama_config;
using tulu::rope_scaling_type;
using tulu::test::gguf_builder;
using tulu::test::message_of;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace gguf_config_test {

namespace fs = std::filesystem;

using ids = std::vector<std::uint32_t>;

tulu::llama_config load(const gguf_builder& file) {
  const temp_dir dir;
  write_file(dir.path() / "m.gguf", file.bytes());
  return load_llama_config(dir.path() / "m.gguf");
}

/// What follows the file's name in the error; empty when there is none.
std::string failure(const gguf_builder& file) {
  const temp_dir dir;
  const fs::path path = dir.path() / "m.gguf";
  write_file(path, file.bytes());
  const std::string text = message_of([&] { static_cast<void>(load_llama_config(path)); });
  return text.empty() ? text : text.substr(path.string().size() + 2);
}

constexpr std::uint32_t one = 1;

/// The keys that every model has, with `key` (or all if empty) of another value, or left out.
struct required_keys {
  std::string_view but{};
  std::uint32_t value = 0;
  bool left_out = false;

  [[nodiscard]] gguf_builder build() const {
    gguf_builder file;
    file.entry("general.architecture", "llama").entry("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    const std::pair<std::string_view, std::uint32_t> keys[] = {
        {"llama.embedding_length", 8}, {"llama.feed_forward_length", 12}, {"llama.block_count", 1},
        {"llama.context_length", 64},  {"llama.attention.head_count", 4},
    };
    for (const auto& [key, usual] : keys) {
      if (key == but && left_out) continue;
      file.entry(key, key == but ? value : usual);
    }
    return file;
  }
};

TEST_CASE("gguf_config: the model that a converter made is the one it was made from") {
  for (const auto& each : {std::pair{"bias.gguf", "bias"}, std::pair{"linear-00002-of-00003.gguf", "linear"}}) {
    const char *const file = each.first, *const model = each.second;
    CAPTURE(file);
    const auto found = load_llama_config(fs::path{TULU_TEST_DATA} / "gguf" / file);
    const auto wanted = load_llama_config(fs::path{TULU_TEST_DATA} / "model" / model);
    CHECK(found.file.ends_with(".gguf"));
    CHECK(found.vocab_size == wanted.vocab_size);
    CHECK(found.hidden_size == wanted.hidden_size);
    CHECK(found.intermediate_size == wanted.intermediate_size);
    CHECK(found.num_hidden_layers == wanted.num_hidden_layers);
    CHECK(found.num_attention_heads == wanted.num_attention_heads);
    CHECK(found.num_key_value_heads == wanted.num_key_value_heads);
    CHECK(found.head_dim == wanted.head_dim);
    CHECK(found.max_position_embeddings == wanted.max_position_embeddings);
    CHECK(found.rms_norm_eps == wanted.rms_norm_eps);
    CHECK(found.rope_theta == wanted.rope_theta);
    CHECK(found.scaling.type == wanted.scaling.type);
    CHECK(found.scaling.factor == wanted.scaling.factor);
    CHECK(found.rope_factors.empty());
    CHECK(found.attention_bias == wanted.attention_bias);
    CHECK(found.mlp_bias == wanted.mlp_bias);
    CHECK(found.tie_word_embeddings == wanted.tie_word_embeddings);
  }
}

TEST_CASE("gguf_config: the fewest keys") {
  const auto config = load(tulu::test::small_gguf());
  CHECK(config.vocab_size == 5);
  CHECK(config.num_key_value_heads == 4);
  CHECK(config.head_dim == 2);
  CHECK(config.max_position_embeddings == 64);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.rope_theta == 10000);
  CHECK(config.scaling.type == rope_scaling_type::none);
  CHECK(config.tie_word_embeddings);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.bos_token_id.has_value());
  CHECK(config.eos_token_ids.empty());
}

TEST_CASE("gguf_config: a head of its own, biases, heads of another size") {
  gguf_builder file = tulu::test::small_gguf();
  file.entry("llama.attention.key_length", std::uint32_t{6})
      .entry("llama.attention.value_length", std::uint32_t{6})
      .entry("llama.rope.dimension_count", std::uint32_t{6})
      .entry("llama.attention.head_count_kv", std::uint32_t{2})
      .entry("llama.rope.freq_base", 500000.0F)
      .tensor("output.weight", {8, 5}, 0, 160)
      .tensor("blk.0.attn_q.bias", {24}, 0, 96)
      .tensor("blk.0.ffn_gate.bias", {12}, 0, 48);
  const auto config = load(file);
  CHECK(config.head_dim == 6);
  CHECK(config.num_key_value_heads == 2);
  CHECK(config.rope_theta == 500000);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.attention_bias);
  CHECK(config.mlp_bias);
}

TEST_CASE("gguf_config: the vocabulary of a file without an embedding") {
  CHECK(load(required_keys{}.build().entry("llama.vocab_size", std::uint32_t{7})).vocab_size == 7);
  const auto tokens = tulu::checkpoint::gguf_value::array_of<std::string>({"a", "b", "c"});
  gguf_builder file = required_keys{}.build();
  file.raw_entry("tokenizer.ggml.tokens", 9,
                 tulu::test::raw(std::uint32_t{8}) + tulu::test::raw(std::uint64_t{3}) + std::string{tokens.bytes()});
  CHECK(load(file).vocab_size == 3);
  CHECK(failure(required_keys{}.build()) == "token_embd.weight: expected the embedding or a vocabulary, found neither");
  CHECK(failure(required_keys{}.build().tensor("token_embd.weight", {8}, 0, 32)) ==
        "token_embd.weight: expected a matrix of 1 to 16777216 rows, found [8]");
}

TEST_CASE("gguf_config: linear scaling in its spellings") {
  const auto with = [](auto&& change) {
    gguf_builder file = tulu::test::small_gguf();
    change(file);
    return load(file).scaling;
  };
  for (const auto& scaling :
       {with([](auto& f) { f.entry("llama.rope.scaling.type", "linear").entry("llama.rope.scaling.factor", 4.0F); }),
        with([](auto& f) { f.entry("llama.rope.scaling.factor", 4.0F); }),
        with([](auto& f) { f.entry("llama.rope.scale_linear", 4.0F); })}) {
    CHECK(scaling.type == rope_scaling_type::linear);
    CHECK(scaling.factor == 4);
  }
  for (const auto& scaling :
       {with([](auto& f) { f.entry("llama.rope.scaling.type", "none").entry("llama.rope.scaling.factor", 4.0F); }),
        with([](auto& f) { f.entry("llama.rope.scaling.type", "linear"); }),
        with([](auto& f) { f.entry("llama.rope.scaling.factor", 1.0F); })})
    CHECK(scaling.type == rope_scaling_type::none);
}

TEST_CASE("gguf_config: factors of the rotary embedding") {
  gguf_builder file = tulu::test::small_gguf();
  file.entry("llama.attention.key_length", std::uint32_t{4}).tensor("rope_freqs.weight", {2}, 0, 8);
  // The builder's bytes 0, 1, 2, ... as float32.
  CHECK(load(file).rope_factors == std::vector{std::bit_cast<float>(0x03020100), std::bit_cast<float>(0x07060504)});
  CHECK(failure(tulu::test::small_gguf().tensor("rope_freqs.weight", {2}, 0, 8)) ==
        "rope_freqs.weight: expected F32 [1], found F32 [2]");
  CHECK(failure(tulu::test::small_gguf().tensor("rope_freqs.weight", {1}, 1, 2)) ==
        "rope_freqs.weight: expected F32 [1], found F16 [1]");
  gguf_builder zero = tulu::test::small_gguf();
  zero.tensor("rope_freqs.weight", {1}, 0, 0).more_data(std::string(4, '\0'));
  CHECK(failure(zero) == "rope_freqs.weight: expected finite numbers greater than 0, found 0.000000");
}

TEST_CASE("gguf_config: the tokens that begin and end") {
  const auto with = [](auto&& change) {
    gguf_builder file = tulu::test::small_gguf();
    change(file);
    return load(file);
  };
  const auto spm = with([](auto& f) { f.entry("tokenizer.ggml.model", "llama"); });
  CHECK(spm.bos_token_id == 1U);
  CHECK(spm.eos_token_ids == ids{2});
  const auto all = with([](auto& f) {
    f.entry("tokenizer.ggml.model", "gpt2")
        .entry("tokenizer.ggml.bos_token_id", std::uint32_t{4})
        .entry("tokenizer.ggml.eos_token_id", std::uint32_t{3})
        .entry("tokenizer.ggml.eot_token_id", std::uint32_t{0})
        .entry("tokenizer.ggml.eom_token_id", std::uint32_t{3});
  });
  CHECK(all.bos_token_id == 4U);
  CHECK(all.eos_token_ids == ids{3, 0});
  const auto none = with([](auto& f) {
    f.entry("tokenizer.ggml.model", "llama")
        .entry("tokenizer.ggml.bos_token_id", std::numeric_limits<std::uint32_t>::max())
        .entry("tokenizer.ggml.eos_token_id", std::numeric_limits<std::uint32_t>::max());
  });
  CHECK_FALSE(none.bos_token_id.has_value());
  CHECK(none.eos_token_ids.empty());
  CHECK(failure(tulu::test::small_gguf().entry("tokenizer.ggml.eos_token_id", std::uint32_t{5})) ==
        "tokenizer.ggml.eos_token_id: expected an id below 5, found 5");
}

TEST_CASE("gguf_config: each key broken") {
  const auto more = [](std::string_view key, const auto& value) {
    return failure(tulu::test::small_gguf().entry(key, value));
  };
  for (const char* key : {"llama.embedding_length", "llama.feed_forward_length", "llama.block_count",
                          "llama.context_length", "llama.attention.head_count"}) {
    CAPTURE(key);
    const std::string place = std::string{key} + ": expected an integer";
    CHECK(failure(required_keys{key, 0, true}.build().entry("llama.vocab_size", one)) == place + ", found no such key");
    for (const std::uint32_t value : {0U, (1U << 24) + 1, std::numeric_limits<std::uint32_t>::max()})
      CHECK(failure(required_keys{key, value}.build().entry("llama.vocab_size", one)) ==
            place + " from 1 to 16777216, found " + std::to_string(value));
  }
  CHECK(failure(gguf_builder{}.entry("general.architecture", "gemma")) ==
        "general.architecture: expected llama, found gemma");
  CHECK(failure(required_keys{"llama.attention.head_count", 3}.build().entry("llama.vocab_size", one)) ==
        "llama.embedding_length: expected a multiple of llama.attention.head_count, 3, found 8");
  CHECK(more("llama.attention.head_count_kv", std::uint32_t{3}) ==
        "llama.attention.head_count_kv: expected a divisor of num_attention_heads, 4, found 3");
  CHECK(more("llama.attention.head_count_kv", std::int32_t{-1}) ==
        "llama.attention.head_count_kv: expected uint64, found int32 -1");
  CHECK(more("llama.attention.head_count_kv", "2") ==
        "llama.attention.head_count_kv: expected uint64, found the string \"2\"");
  CHECK(more("llama.attention.key_length", std::uint32_t{3}) ==
        "llama.attention.key_length: expected an even number for the rotary embedding, found 3");
  CHECK(more("llama.attention.key_length", std::uint32_t{1} << 24)
            .starts_with("llama.attention.key_length: expected at most 16777216 in all heads"));
  CHECK(more("llama.attention.value_length", std::uint32_t{4}) ==
        "llama.attention.value_length: expected the size of a head, 2, found 4");
  CHECK(more("llama.rope.dimension_count", std::uint32_t{1}) ==
        "llama.rope.dimension_count: expected the size of a head, 2, found 1");
  CHECK(more("llama.expert_count", std::uint32_t{8}) ==
        "llama.expert_count: expected 0: mixtures of experts are not supported, found 8");
  CHECK(more("llama.rope.freq_base", 0.0F) ==
        "llama.rope.freq_base: expected a number greater than 0 that float32 can hold, found 0.000000");
  CHECK(more("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN()).starts_with("llama.rope.freq_base: "));
  CHECK(more("llama.rope.freq_base", std::numeric_limits<float>::infinity()).starts_with("llama.rope.freq_base: "));
  CHECK(more("llama.rope.freq_base", one) == "llama.rope.freq_base: expected float64, found uint32 1");
  CHECK(more("llama.rope.scaling.factor", 0.5F) == "llama.rope.scaling.factor: expected at least 1, found 0.500000");
  CHECK(more("llama.rope.scaling.type", "yarn") == "llama.rope.scaling.type: expected none or linear, found yarn");
  CHECK(failure(gguf_builder{}
                    .entry("general.architecture", "llama")
                    .entry("llama.embedding_length", std::uint32_t{8})
                    .entry("llama.feed_forward_length", one)
                    .entry("llama.block_count", one)
                    .entry("llama.context_length", one)
                    .entry("llama.attention.head_count", one)
                    .entry("llama.vocab_size", one)) ==
        "llama.attention.layer_norm_rms_epsilon: expected a number, found no such key");
}

}  // namespace gguf_config_test
