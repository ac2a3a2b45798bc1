#include <string>

#include <doctest/doctest.h>

#include <tulu/checkpoint/meta_names.hpp>

namespace checkpoint = tulu::checkpoint;
using checkpoint::meta_split;
using checkpoint::parse_meta_name;

TEST_CASE("parse_meta_name: Hugging Face's names, and how the parts are split") {
  const auto check = [](const std::string& meta, const std::string& name, meta_split split) {
    CAPTURE(meta);
    const auto found = parse_meta_name(meta);
    REQUIRE(found.has_value());
    CHECK(found->name == name);
    CHECK(found->split == split);
  };
  check("tok_embeddings.weight", "model.embed_tokens.weight", meta_split::embedding);
  check("norm.weight", "model.norm.weight", meta_split::copies);
  check("output.weight", "lm_head.weight", meta_split::rows);
  check("layers.0.attention.wq.weight", "model.layers.0.self_attn.q_proj.weight", meta_split::rows);
  check("layers.79.attention.wo.weight", "model.layers.79.self_attn.o_proj.weight", meta_split::columns);
  check("layers.3.feed_forward.w1.weight", "model.layers.3.mlp.gate_proj.weight", meta_split::rows);
  check("layers.3.feed_forward.w2.weight", "model.layers.3.mlp.down_proj.weight", meta_split::columns);
  check("layers.3.feed_forward.w3.weight", "model.layers.3.mlp.up_proj.weight", meta_split::rows);
  check("layers.3.attention_norm.weight", "model.layers.3.input_layernorm.weight", meta_split::copies);
  check("layers.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight", meta_split::copies);
  CHECK(parse_meta_name("layers.3.attention.wq.weight")->rotary == checkpoint::meta_rotary::query);
  CHECK(parse_meta_name("layers.3.attention.wk.weight")->rotary == checkpoint::meta_rotary::key);
  CHECK(parse_meta_name("layers.3.attention.wv.weight")->rotary == checkpoint::meta_rotary::none);
}

TEST_CASE("parse_meta_name: other names are nothing") {
  for (const char* name : {"", "layers.", "layers.3", "layers.3.", "layers..norm.weight", "layers.x.ffn_norm.weight",
                           "layers.03.ffn_norm.weight", "layers.123456.ffn_norm.weight", "layers.3ffn_norm.weight",
                           "layers.3.attention.wq.bias", "tok_embeddings.weight2", "model.norm.weight", "rope.freqs"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_meta_name(name).has_value());
  }
  CHECK(checkpoint::is_meta_rope_buffer("rope.freqs"));
  CHECK(checkpoint::is_meta_rope_buffer("layers.0.attention.inner_attention.rope.freqs"));
  CHECK_FALSE(checkpoint::is_meta_rope_buffer("europe.freqs"));
}
