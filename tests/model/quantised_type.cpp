#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/model/quantised_type.hpp>

namespace quantised_type_test {

using tulu::dtype;

dtype type_of(const std::string& name) {
  if (name == "f16") return dtype::f16;
  if (name == "bf16") return dtype::bf16;
  if (name == "f32") return dtype::f32;
  return tulu::block_dtype(name).value();
}

tulu::quantised_type choose(dtype wanted, const std::string& tensor, tulu::shape extents, std::size_t layers = 32,
                            bool tied = false) {
  tulu::llama_config config;
  config.num_hidden_layers = layers;
  config.tie_word_embeddings = tied;
  return tulu::choose_quantised_type(wanted, tensor, extents, config);
}

constexpr auto v_proj = "model.layers.5.self_attn.v_proj.weight", q_proj = "model.layers.5.self_attn.q_proj.weight";

TEST_CASE("quantised_type: what llama-quantize chooses") {
  std::ifstream table{TULU_TEST_DATA "/model/quantised_types.txt"};
  tulu::llama_config config;
  std::size_t compared = 0, models = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words{line};
    std::string first, name;
    words >> first >> name;
    if (first == "model") {
      words >> config.num_hidden_layers >> config.num_attention_heads >> config.num_key_value_heads >>
          config.tie_word_embeddings;
      ++models;
      continue;
    }
    std::size_t rows = 0, columns = 0;
    words >> rows >> columns;
    std::vector<std::string> types;
    for (std::string type; words >> type;) types.push_back(type);
    const bool in_layer = name.find("proj") != std::string::npos;
    CAPTURE(line);
    REQUIRE(!types.empty());
    for (std::size_t layer = 0; layer < (in_layer ? config.num_hidden_layers : 1); ++layer) {
      CAPTURE(layer);
      const std::string tensor = (in_layer ? "model.layers." + std::to_string(layer) + "." : "") + name + ".weight";
      const auto found = tulu::choose_quantised_type(type_of(first), tensor, {rows, columns}, config);
      REQUIRE(traits(found.type).torch == traits(type_of(types[types.size() == 1 ? 0 : layer])).torch);
      ++compared;
    }
  }
  CHECK(models == 8);
  CHECK(compared > 15'000);
}

TEST_CASE("quantised_type: rows that are no multiple of a block") {
  const auto with = [](dtype wanted, std::size_t columns) { return choose(wanted, q_proj, {8, columns}); };
  CHECK(with(dtype::q4_k, 512) == tulu::quantised_type{dtype::q4_k, false});
  CHECK(with(dtype::q4_k, 576) == tulu::quantised_type{dtype::q5_0, true});
  CHECK(with(dtype::q4_k, 100) == tulu::quantised_type{dtype::f16, true});
  CHECK(with(dtype::q5_k, 576) == tulu::quantised_type{dtype::q5_1, true});
  CHECK(with(dtype::q6_k, 576) == tulu::quantised_type{dtype::q8_0, true});
  CHECK(with(dtype::q6_k, 24) == tulu::quantised_type{dtype::f16, true});
  for (const dtype wanted : {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1, dtype::q8_0}) {
    CHECK(with(wanted, 576) == tulu::quantised_type{wanted, false});
    CHECK(with(wanted, 100) == tulu::quantised_type{dtype::f16, true});
  }
  for (const dtype wanted : {dtype::f32, dtype::f16, dtype::bf16})
    CHECK(with(wanted, 7) == tulu::quantised_type{wanted, false});
  CHECK(choose(dtype::q4_0, "lm_head.weight", {8, 576}) == tulu::quantised_type{dtype::q8_0, true});
  CHECK(choose(dtype::q4_0, "lm_head.weight", {8, 100}) == tulu::quantised_type{dtype::f16, true});
  CHECK(choose(dtype::q8_0, "lm_head.weight", {8, 576}) == tulu::quantised_type{dtype::q8_0, false});
}

TEST_CASE("quantised_type: vectors and names of no layer") {
  CHECK(choose(dtype::q4_k, "model.norm.weight", {4096}) == tulu::quantised_type{});
  CHECK(choose(dtype::f16, "model.norm.weight", {4096}) == tulu::quantised_type{});
  CHECK(choose(dtype::q8_0, q_proj, {1, 4096}) == tulu::quantised_type{});
  CHECK(choose(dtype::q8_0, "scalar", {}) == tulu::quantised_type{});
  CHECK(choose(dtype::q4_k, v_proj, {4096, 4096}).type == dtype::q4_k);
  CHECK(choose(dtype::q4_k, "model.layers.6.self_attn.v_proj.weight", {4096, 4096}).type == dtype::q6_k);
  for (const std::string name : {"model.layers..self_attn.v_proj.weight", "model.layers.x.mlp.down_proj.weight",
                                 "model.layers.99999999999999999999.mlp.down_proj.weight", "v_proj.weight"})
    CHECK(choose(dtype::q4_k, name, {4096, 4096}).type == dtype::q4_k);
}

TEST_CASE("quantised_type: the line that counts") {
  tulu::fallback_count count;
  CHECK_FALSE(count.line());
  const auto add = [&](dtype wanted, const char* name, const tulu::shape& extents) {
    count.add(choose(wanted, name, extents), extents);
  };
  add(dtype::q4_k, q_proj, {8, 512});
  add(dtype::q4_k, "model.norm.weight", {576});
  CHECK_FALSE(count.line());
  add(dtype::q4_k, q_proj, {8, 576});
  CHECK(count.line() == "1 of 2 matrices have rows that are no multiple of a block of the wanted type: q5_0 instead");
  add(dtype::q4_k, "lm_head.weight", {8, 576});
  CHECK(count.line() ==
        "2 of 3 matrices have rows that are no multiple of a block of the wanted type: q5_0 and q8_0 instead");
  add(dtype::q4_k, q_proj, {8, 100});
  CHECK(count.line() ==
        "3 of 4 matrices have rows that are no multiple of a block of the wanted type: f16, q5_0 and q8_0 instead");
  CHECK(count.matrices() == 4);
  CHECK(count.fallbacks() == 3);
}

}  // namespace quantised_type_test
