#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/convert/config_files.hpp>

namespace config_files_test {

/// The configuration that format_config's text gives when it is read again.
tulu::llama_config read_again(const tulu::llama_config& config) {
  const tulu::test::temp_dir dir;
  tulu::test::write_file(dir.path() / "config.json", tulu::convert::format_config(config, tulu::dtype::bf16));
  tulu::test::write_file(dir.path() / "generation_config.json", tulu::convert::format_generation_config(config));
  return tulu::load_llama_config(dir.path());
}

tulu::llama_config odd_config() {
  tulu::llama_config config;
  config.vocab_size = 1000;
  config.hidden_size = 96;
  config.intermediate_size = 200;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 32;
  config.max_position_embeddings = 4097;
  config.rms_norm_eps = 1e-5;
  config.rope_theta = 500000;
  config.attention_bias = true;
  config.tie_word_embeddings = true;
  config.bos_token_id = 7;
  config.eos_token_ids = {9, 11};
  return config;
}

void check_same(const tulu::llama_config& found, const tulu::llama_config& config) {
  CHECK(found.vocab_size == config.vocab_size);
  CHECK(found.hidden_size == config.hidden_size);
  CHECK(found.intermediate_size == config.intermediate_size);
  CHECK(found.num_hidden_layers == config.num_hidden_layers);
  CHECK(found.num_attention_heads == config.num_attention_heads);
  CHECK(found.num_key_value_heads == config.num_key_value_heads);
  CHECK(found.head_dim == config.head_dim);
  CHECK(found.max_position_embeddings == config.max_position_embeddings);
  CHECK(found.rms_norm_eps == config.rms_norm_eps);
  CHECK(found.rope_theta == config.rope_theta);
  CHECK(found.attention_bias == config.attention_bias);
  CHECK(found.mlp_bias == config.mlp_bias);
  CHECK(found.tie_word_embeddings == config.tie_word_embeddings);
  CHECK(found.bos_token_id == config.bos_token_id);
  CHECK(found.eos_token_ids == config.eos_token_ids);
  CHECK(found.scaling.type == config.scaling.type);
  CHECK(found.scaling.factor == config.scaling.factor);
}

TEST_CASE("format_config: what load_llama_config reads from it is the configuration") {
  check_same(read_again({.bos_token_id = 1, .eos_token_ids = {2}}), {.bos_token_id = 1, .eos_token_ids = {2}});
  tulu::llama_config config = odd_config();
  check_same(read_again(config), config);
  config.scaling = {.type = tulu::rope_scaling_type::linear, .factor = 4};
  check_same(read_again(config), config);
  config.scaling = {.type = tulu::rope_scaling_type::llama3, .factor = 8};
  check_same(read_again(config), config);
  CHECK(read_again(config).scaling.high_freq_factor == 4);
  CHECK(tulu::convert::format_config(config, tulu::dtype::bf16).find(R"("torch_dtype": "bfloat16")") !=
        std::string::npos);
}

TEST_CASE("format_config: the factors of rope_freqs.weight are Llama 3.1's scaling, or an error") {
  tulu::llama_config config = odd_config();
  config.head_dim = 64;
  config.scaling = {.type = tulu::rope_scaling_type::llama3, .factor = 32};
  tulu::llama_config read = config;
  read.scaling = {};
  read.rope_factors = tulu::checkpoint::gguf_rope_factors(config);
  const auto found = read_again(read);
  CHECK(found.scaling.type == tulu::rope_scaling_type::llama3);
  CHECK(found.scaling.factor == 32);
  CHECK(found.scaling.original_max_position_embeddings == 8192);
  read.rope_factors[10] += 1;
  const std::string message = tulu::test::message_of([&] { static_cast<void>(read_again(read)); });
  CHECK(message.find("rope_freqs.weight: expected") != std::string::npos);
}

}  // namespace config_files_test
