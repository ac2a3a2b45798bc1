#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/load_llama_config.hpp>

using tulu::load_llama_config;
using tulu::rope_scaling_type;
using tulu::test::message_of;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace load_llama_config_test {

namespace fs = std::filesystem;

using ids = std::vector<std::uint32_t>;

/// A config.json of these keys and model_type.
tulu::llama_config parse(const std::string& keys) {
  const temp_dir dir;
  write_file(dir.path() / "config.json", "{\"model_type\": \"llama\"" + (keys.empty() ? "" : ", " + keys) + "}");
  return load_llama_config(dir.path());
}

/// The message of the error, without the folder.
std::string failure(const std::string& text) {
  const temp_dir dir;
  write_file(dir.path() / "config.json", text);
  const std::string message = message_of([&] { static_cast<void>(load_llama_config(dir.path())); });
  const std::string folder = dir.path().string() + "/";
  return message.starts_with(folder) ? message.substr(folder.size()) : message;
}

std::string failure_of(const std::string& keys) {
  return failure("{\"model_type\": \"llama\", " + keys + "}");
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("load_llama_config: what config.json leaves out is as in LlamaConfig") {
  const auto config = parse("");
  CHECK(config.file.ends_with("/config.json"));
  CHECK(config.vocab_size == 32000);
  CHECK(config.hidden_size == 4096);
  CHECK(config.intermediate_size == 11008);
  CHECK(config.num_hidden_layers == 32);
  CHECK(config.num_attention_heads == 32);
  CHECK(config.num_key_value_heads == 32);
  CHECK(config.head_dim == 128);
  CHECK(config.max_position_embeddings == 2048);
  CHECK(config.rms_norm_eps == 1e-6);
  CHECK(config.rope_theta == 10000);
  CHECK(config.scaling.type == rope_scaling_type::none);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.bos_token_id == 1U);
  CHECK(config.eos_token_ids == ids{2});
  CHECK(config.longest_sequence() == 2048);
}

TEST_CASE("load_llama_config: every key is read") {
  const auto config = parse(
      R"("architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 60, "intermediate_size": 7,
         "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 50,
         "rms_norm_eps": 1e-5, "rope_theta": 500000, "attention_bias": true, "mlp_bias": true, "pretraining_tp": 2,
         "tie_word_embeddings": true, "bos_token_id": 5, "eos_token_id": [7, 8], "hidden_act": "silu")");
  CHECK(config.vocab_size == 100);
  CHECK(config.hidden_size == 60);
  CHECK(config.intermediate_size == 7);
  CHECK(config.num_hidden_layers == 3);
  CHECK(config.num_attention_heads == 6);
  CHECK(config.num_key_value_heads == 2);
  CHECK(config.head_dim == 10);
  CHECK(config.query_size() == 60);
  CHECK(config.key_value_size() == 20);
  CHECK(config.max_position_embeddings == 50);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.rope_theta == 500000);
  CHECK(config.attention_bias);
  CHECK(config.mlp_bias);
  CHECK(config.tie_word_embeddings);
  CHECK(config.bos_token_id == 5U);
  CHECK(config.eos_token_ids == ids{7, 8});
}

TEST_CASE("load_llama_config: a head size of its own need not divide the hidden size") {
  const auto config = parse(R"("hidden_size": 50, "num_attention_heads": 3, "head_dim": 32)");
  CHECK(config.head_dim == 32);
  CHECK(config.query_size() == 96);
  CHECK(config.num_key_value_heads == 3);
  CHECK(
      parse(R"("hidden_size": 64, "num_attention_heads": 4, "head_dim": null, "num_key_value_heads": null)").head_dim ==
      16);
}

TEST_CASE("load_llama_config: rope scaling in the spellings of all versions") {
  CHECK(parse(R"("rope_scaling": null)").scaling.type == rope_scaling_type::none);
  CHECK(parse(R"("rope_scaling": {"rope_type": "default"})").scaling.type == rope_scaling_type::none);
  const auto linear = parse(R"("rope_scaling": {"type": "linear", "factor": 4.0})");
  CHECK(linear.scaling.type == rope_scaling_type::linear);
  CHECK(linear.scaling.factor == 4);
  CHECK(linear.longest_sequence() == 4 * 2048);
  const auto dynamic = parse(R"("rope_scaling": {"type": "dynamic", "rope_type": "dynamic", "factor": 2})");
  CHECK(dynamic.scaling.type == rope_scaling_type::dynamic);
  CHECK(dynamic.scaling.factor == 2);
  CHECK(dynamic.longest_sequence() == std::numeric_limits<std::size_t>::max());
  const auto llama3 = parse(
      R"("max_position_embeddings": 131072, "rope_theta": 500000.0, "rope_scaling": {"factor": 8.0,
         "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 4096,
         "rope_type": "llama3"})");
  CHECK(llama3.scaling.type == rope_scaling_type::llama3);
  CHECK(llama3.scaling.factor == 8);
  CHECK(llama3.scaling.low_freq_factor == 1);
  CHECK(llama3.scaling.high_freq_factor == 4);
  CHECK(llama3.scaling.original_max_position_embeddings == 4096);
  CHECK(llama3.longest_sequence() == 131072);
  const auto newest = parse(R"("rope_parameters": {"rope_theta": 1234.5, "rope_type": "linear", "factor": 2.5})");
  CHECK(newest.rope_theta == 1234.5);
  CHECK(newest.scaling.type == rope_scaling_type::linear);
  CHECK(newest.scaling.factor == 2.5);
  CHECK(parse(R"("rope_parameters": {"rope_theta": 99.0, "rope_type": "default"})").rope_theta == 99);
}

TEST_CASE("load_llama_config: the longest sequence of an endless linear factor is a number") {
  CHECK(parse(R"("rope_scaling": {"type": "linear", "factor": 1e30})").longest_sequence() == 1'000'000'000'000'000);
}

TEST_CASE("load_llama_config: old and short spellings of the architecture") {
  const temp_dir dir;
  for (const char* text :
       {R"({"architectures": ["LLaMAForCausalLM"]})", R"({"architectures": ["LlamaForCausalLM"]})",
        R"({"model_type": "llama", "architectures": null})", R"({"model_type": "llama", "architectures": []})"}) {
    write_file(dir.path() / "config.json", text);
    CHECK_NOTHROW(static_cast<void>(load_llama_config(dir.path())));
  }
}

TEST_CASE("load_llama_config: what is not LLaMA is refused by name") {
  CHECK(failure(R"({"model_type": "mistral"})") == "config.json: model_type: expected llama, found mistral");
  CHECK(failure(R"({"model_type": "qwen2", "architectures": ["LlamaForCausalLM"]})") ==
        "config.json: model_type: expected llama, found qwen2");
  CHECK(failure(R"({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]})") ==
        "config.json: architectures: expected LlamaForCausalLM, found LlamaForSequenceClassification");
  CHECK(failure("{}") == "config.json: model_type: expected llama, found no such key");
  CHECK(contains(failure(R"({"model_type": 3})"), "model_type: expected a string, found 3"));
  CHECK(contains(failure(R"({"architectures": [1]})"), "architectures: expected an array of names"));
}

TEST_CASE("load_llama_config: settings that are not supported are refused by name") {
  const std::pair<const char*, const char*> cases[] = {
      {R"("hidden_act": "gelu")", "hidden_act: expected silu, found gelu"},
      {R"("rope_scaling": {"type": "yarn", "factor": 4.0})",
       "rope_scaling.type: expected linear, dynamic, llama3 or default, found yarn"},
      {R"("rope_scaling": {"rope_type": "longrope", "factor": 4.0})", "rope_scaling.rope_type: expected linear"},
      {R"("quantization_config": {"quant_method": "gptq"})", "quantization_config: expected none"},
      {R"("sliding_window": 4096)", "sliding_window: expected none: it is not supported, found 4096"},
      {R"("partial_rotary_factor": 0.5)", "partial_rotary_factor: expected 1: others are not supported, found 0.5"},
      {R"("rope_parameters": {"partial_rotary_factor": 0.25})", "rope_parameters.partial_rotary_factor: expected 1"},
      {R"("rope_scaling": {"type": "dynamic", "factor": 2, "original_max_position_embeddings": 4})",
       "rope_scaling.original_max_position_embeddings: expected max_position_embeddings, 2048, found 4"},
  };
  for (const auto& [keys, expected] : cases) {
    const std::string text = failure_of(keys);
    CHECK_MESSAGE(contains(text, expected), text);
  }
  CHECK_NOTHROW(static_cast<void>(parse(
      R"("hidden_act": "swish", "quantization_config": null, "sliding_window": null, "partial_rotary_factor": 1.0)")));
}

TEST_CASE("load_llama_config: numbers that no model has") {
  const std::pair<const char*, const char*> cases[] = {
      {R"("vocab_size": 0)", "config.json: vocab_size: expected an integer from 1 to 16777216, found 0"},
      {R"("vocab_size": -1)", "vocab_size: expected an integer from 1 to 16777216, found -1"},
      {R"("hidden_size": 16777217)", "hidden_size: expected an integer from 1 to 16777216, found 16777217"},
      {R"("hidden_size": 99999999999999999999)", "hidden_size: expected an integer"},
      {R"("hidden_size": 64.0)", "hidden_size: expected an integer from 1 to 16777216, found 64.0"},
      {R"("hidden_size": "64")", "hidden_size: expected an integer from 1 to 16777216, found \"64\""},
      {R"("intermediate_size": [1])", "intermediate_size: expected an integer from 1 to 16777216, found an array"},
      {R"("num_hidden_layers": 0)", "num_hidden_layers: expected"},
      {R"("num_attention_heads": 0)", "num_attention_heads: expected"},
      {R"("num_key_value_heads": 0)", "num_key_value_heads: expected"},
      {R"("max_position_embeddings": 0)", "max_position_embeddings: expected"},
      {R"("num_attention_heads": 7)", "hidden_size: expected a multiple of num_attention_heads, 7, found 4096"},
      {R"("num_key_value_heads": 5)", "num_key_value_heads: expected a divisor of num_attention_heads, 32, found 5"},
      {R"("num_key_value_heads": 64)", "num_key_value_heads: expected a divisor of num_attention_heads, 32, found 64"},
      {R"("head_dim": 3)", "head_dim: expected an even number for the rotary embedding, found 3"},
      {R"("hidden_size": 32)", "head_dim: expected an even number for the rotary embedding, found 1"},
      {R"("hidden_size": 8, "num_attention_heads": 16)", "hidden_size: expected a multiple of num_attention_heads"},
      {R"("head_dim": 16777216)", "head_dim: expected at most 16777216 in all heads, found 32 heads of 16777216"},
      {R"("hidden_size": 16777216, "intermediate_size": 16777216, "num_hidden_layers": 16777216)",
       "hidden_size: expected a model that a machine can address"},
      {R"("rms_norm_eps": 1e300)", "rms_norm_eps: expected a number that float32 can hold, found 1e+300"},
      {R"("rms_norm_eps": 0)", "rms_norm_eps: expected a number greater than 0, found 0"},
      {R"("rms_norm_eps": "x")", "rms_norm_eps: expected a number greater than 0, found \"x\""},
      {R"("rope_theta": -1)", "rope_theta: expected a number greater than 0, found -1"},
      {R"("rope_scaling": 2)", "rope_scaling: expected a JSON object, found 2"},
      {R"("rope_scaling": {"type": "linear"})", "rope_scaling.factor: expected a number, found none"},
      {R"("rope_scaling": {"type": "linear", "factor": 0.5})",
       "rope_scaling.factor: expected a number of at least 1, found 0.5"},
      {R"("rope_scaling": {"type": "linear", "rope_type": "dynamic", "factor": 2})",
       "rope_scaling.rope_type: expected linear, found dynamic"},
      {R"("rope_scaling": {"type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4})",
       "rope_scaling.high_freq_factor: expected more than low_freq_factor"},
      {R"("rope_scaling": {"type": "llama3", "factor": 2, "low_freq_factor": 1, "high_freq_factor": 4})",
       "rope_scaling.original_max_position_embeddings: expected a positive integer, found none"},
      {R"("attention_bias": 1)", "attention_bias: expected true or false, found 1"},
      {R"("mlp_bias": "no")", "mlp_bias: expected true or false, found \"no\""},
      {R"("tie_word_embeddings": 0)", "tie_word_embeddings: expected true or false, found 0"},
      {R"("eos_token_id": "x")", "eos_token_id: expected a token id or an array of them, found \"x\""},
      {R"("eos_token_id": [2, 4294967296])", "eos_token_id: expected a token id or an array of them, found 4294967296"},
  };
  for (const auto& [keys, expected] : cases) {
    const std::string text = failure_of(keys);
    CHECK_MESSAGE(contains(text, expected), text);
  }
  CHECK(failure("[]") == "config.json: expected a JSON object, found an array");
  CHECK(contains(failure("{"), "config.json: byte "));
}

TEST_CASE("load_llama_config: stop tokens of generation_config.json are added") {
  const temp_dir dir;
  write_file(dir.path() / "config.json", R"({"model_type": "llama", "eos_token_id": 2})");
  write_file(dir.path() / "generation_config.json", R"({"eos_token_id": [128001, 2, 128009]})");
  CHECK(load_llama_config(dir.path()).eos_token_ids == ids{2, 128001, 128009});
  write_file(dir.path() / "generation_config.json", "{}");
  CHECK(load_llama_config(dir.path()).eos_token_ids == ids{2});
  write_file(dir.path() / "generation_config.json", "[]");
  CHECK(contains(message_of([&] { static_cast<void>(load_llama_config(dir.path())); }), "generation_config.json"));
}

TEST_CASE("load_llama_config: ids that are null or negative are no ids") {
  const auto config = parse(R"("bos_token_id": null, "eos_token_id": null)");
  CHECK_FALSE(config.bos_token_id.has_value());
  CHECK(config.eos_token_ids.empty());
  CHECK(parse(R"("eos_token_id": -1)").eos_token_ids.empty());
  CHECK(parse(R"("eos_token_id": [])").eos_token_ids.empty());
}

TEST_CASE("load_llama_config: a weight file stands for its folder, and what is missing is named") {
  const temp_dir dir;
  const auto fails = [](const fs::path& path) {
    return message_of([&] { static_cast<void>(load_llama_config(path)); });
  };
  CHECK(fails(dir.path() / "absent") == (dir.path() / "absent").string() + ": no such file or folder");
  CHECK(contains(fails(dir.path()), "config.json: cannot open"));
  write_file(dir.path() / "model.safetensors", "x");
  write_file(dir.path() / "config.json", R"({"model_type": "llama", "vocab_size": 77})");
  CHECK(load_llama_config(dir.path() / "model.safetensors").vocab_size == 77);
}

}  // namespace load_llama_config_test
