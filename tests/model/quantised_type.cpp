#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/model/quantised_type.hpp>

namespace {

using tulu::dtype;
using tulu::quantised_type_of;

tulu::llama_config config_of(std::size_t layers) {
  tulu::llama_config config;
  config.num_hidden_layers = layers;
  return config;
}

std::string layer(std::size_t index, const std::string& rest) {
  return "model.layers." + std::to_string(index) + "." + rest + ".weight";
}

/// The layers whose tensor `rest` has another type than `wanted`, and that type.
std::vector<std::pair<std::size_t, dtype>> exceptions(const tulu::llama_config& config, const std::string& rest,
                                                      dtype wanted) {
  std::vector<std::pair<std::size_t, dtype>> found;
  for (std::size_t i = 0; i < config.num_hidden_layers; ++i) {
    const dtype type = quantised_type_of(config, layer(i, rest), {512, 512}, wanted).type;
    if (type != wanted) found.emplace_back(i, type);
  }
  return found;
}

std::vector<std::pair<std::size_t, dtype>> six_bits(const std::vector<std::size_t>& layers) {
  std::vector<std::pair<std::size_t, dtype>> all;
  for (const std::size_t index : layers) all.emplace_back(index, dtype::q6_k);
  return all;
}

}  // namespace

TEST_CASE("q4_k and q5_k are the mixes of llama-quantize") {
  // Layers of use_more_bits in llama.cpp's llama-quant.cpp, worked out by hand.
  const std::pair<std::size_t, std::vector<std::size_t>> more_bits[] = {
      {1, {0}},
      {2, {1}},
      {8, {0, 3, 6, 7}},
      {22, {0, 1, 4, 7, 10, 13, 16, 19, 20, 21}},
      {32, {0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31}},
  };
  for (const dtype wanted : {dtype::q4_k, dtype::q5_k})
    for (const auto& [layers, with_more] : more_bits) {
      CAPTURE(layers);
      const tulu::llama_config config = config_of(layers);
      for (const char* mixed : {"self_attn.v_proj", "mlp.down_proj"})
        CHECK(exceptions(config, mixed, wanted) == six_bits(with_more));
      for (const char* plain :
           {"self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj"})
        CHECK(exceptions(config, plain, wanted).empty());
    }
  for (const dtype wanted : {dtype::q8_0, dtype::q4_0, dtype::q6_k})
    for (const char* any : {"self_attn.v_proj", "mlp.down_proj", "mlp.up_proj"})
      CHECK(exceptions(config_of(32), any, wanted).empty());
}

TEST_CASE("the shared values of a 70B have five bits where the mix gives four") {
  tulu::llama_config config = config_of(80);
  config.num_attention_heads = 64;
  config.num_key_value_heads = 8;
  for (const auto& [index, type] : exceptions(config, "self_attn.v_proj", dtype::q4_k)) {
    const bool more = index < 10 || index >= 70 || (index - 10) % 3 == 2;
    CHECK(type == (more ? dtype::q6_k : dtype::q5_k));
  }
  CHECK(exceptions(config, "self_attn.v_proj", dtype::q4_k).size() == 80);
  CHECK(exceptions(config, "mlp.down_proj", dtype::q4_k).size() == 40);
  config.num_key_value_heads = 64;  // 65B
  CHECK(exceptions(config, "self_attn.v_proj", dtype::q4_k).size() == 40);
}

TEST_CASE("lm_head has six bits or more, and so have the embeddings of a tied model") {
  tulu::llama_config config = config_of(2);
  const auto type_of = [&](const char* name, dtype wanted) {
    return quantised_type_of(config, name, {100, 512}, wanted).type;
  };
  for (const bool tied : {false, true}) {
    config.tie_word_embeddings = tied;
    for (const dtype wanted : {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q4_k, dtype::q5_k, dtype::q6_k}) {
      CHECK(type_of("lm_head.weight", wanted) == dtype::q6_k);
      CHECK(type_of("model.embed_tokens.weight", wanted) == (tied ? dtype::q6_k : wanted));
    }
    CHECK(type_of("lm_head.weight", dtype::q8_0) == dtype::q8_0);
    CHECK(type_of("model.embed_tokens.weight", dtype::q8_0) == dtype::q8_0);
  }
}

TEST_CASE("rows that are no multiple of the block take the next type that fits") {
  const tulu::llama_config config = config_of(2);
  const auto check = [&](const std::string& name, std::size_t columns, dtype wanted, dtype type, bool fell_back) {
    CAPTURE(columns);
    const auto found = quantised_type_of(config, name, {64, columns}, wanted);
    CHECK(found.type == type);
    CHECK(found.fell_back == fell_back);
  };
  const std::string query = layer(0, "self_attn.q_proj"), head = "lm_head.weight";
  check(query, 256, dtype::q4_k, dtype::q4_k, false);
  check(query, 576, dtype::q4_k, dtype::q5_0, true);
  check(query, 576, dtype::q5_k, dtype::q5_1, true);
  check(query, 576, dtype::q6_k, dtype::q8_0, true);
  check(query, 576, dtype::q8_0, dtype::q8_0, false);
  check(query, 576, dtype::q4_0, dtype::q4_0, false);
  check(layer(1, "mlp.down_proj"), 576, dtype::q4_k, dtype::q8_0, true);
  check(head, 576, dtype::q4_0, dtype::q8_0, true);
  check(head, 576, dtype::q4_k, dtype::q8_0, true);
  for (const dtype wanted :
       {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1, dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k})
    for (const std::string& name : {query, head}) check(name, 40, wanted, dtype::f16, true);
}

TEST_CASE("vectors are float32, and types without blocks are what is wanted") {
  const tulu::llama_config config = config_of(2);
  for (const dtype wanted : {dtype::f16, dtype::bf16, dtype::f32, dtype::q4_k, dtype::q8_0})
    CHECK(quantised_type_of(config, "model.norm.weight", {512}, wanted).type == dtype::f32);
  for (const dtype wanted : {dtype::f16, dtype::bf16, dtype::f32})
    for (const char* name : {"lm_head.weight", "model.layers.0.mlp.down_proj.weight"}) {
      const auto found = quantised_type_of(config, name, {8, 7}, wanted);
      CHECK(found.type == wanted);
      CHECK_FALSE(found.fell_back);
    }
}

TEST_CASE("names that only look like those of a layer's values are plain") {
  const tulu::llama_config config = config_of(1);
  for (const char* name :
       {"model.layers.0.self_attn.v_proj.weight2", "model.layers.x.self_attn.v_proj.weight",
        "model.layers..mlp.down_proj.weight", "layers.0.mlp.down_proj.weight", "model.layers.0x.mlp.down_proj.weight"})
    CHECK(quantised_type_of(config, name, {256, 256}, dtype::q4_k).type == dtype::q4_k);
}
