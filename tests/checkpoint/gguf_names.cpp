#include <string>

#include <doctest/doctest.h>

#include <tulu/checkpoint/gguf_names.hpp>

using tulu::checkpoint::name_from_gguf;
using tulu::checkpoint::name_to_gguf;

TEST_CASE("gguf_names: every tensor of a LLaMA model, both ways") {
  const char* const pairs[][2] = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"},
      {"blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight"},
      {"blk.10.attn_q.weight", "model.layers.10.self_attn.q_proj.weight"},
      {"blk.3.attn_k.bias", "model.layers.3.self_attn.k_proj.bias"},
      {"blk.3.attn_v.weight", "model.layers.3.self_attn.v_proj.weight"},
      {"blk.3.attn_output.weight", "model.layers.3.self_attn.o_proj.weight"},
      {"blk.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"},
      {"blk.79.ffn_gate.weight", "model.layers.79.mlp.gate_proj.weight"},
      {"blk.79.ffn_up.bias", "model.layers.79.mlp.up_proj.bias"},
      {"blk.79.ffn_down.weight", "model.layers.79.mlp.down_proj.weight"},
  };
  for (const auto& pair : pairs) {
    const char *const gguf = pair[0], *const transformers = pair[1];
    CAPTURE(gguf);
    CHECK(name_from_gguf(gguf) == transformers);
    CHECK(name_to_gguf(transformers) == gguf);
  }
}

TEST_CASE("gguf_names: others have no counterpart") {
  for (const char* name : {"", "rope_freqs.weight", "blk.0.ffn_gate_inp.weight", "blk.0.ffn_gate_exps.weight",
                           "blk..attn_q.weight", "blk.x.attn_q.weight", "blk.1", "blk.1.", "blk.1.attn_q",
                           "blk.1attn_q.weight", "token_embd.weight2", "blk.0.attn_q.scale", "blk.-1.attn_q.weight"}) {
    CAPTURE(name);
    CHECK_FALSE(name_from_gguf(name).has_value());
  }
  CHECK_FALSE(name_to_gguf("model.layers.0.self_attn.rotary_emb.inv_freq").has_value());
  CHECK_FALSE(name_to_gguf("blk.0.attn_q.weight").has_value());
}
