#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/gguf_llama_keys.hpp>
#include <tulu/checkpoint/load_llama_config.hpp>

namespace checkpoint = tulu::checkpoint;
namespace fs = std::filesystem;
using tulu::dtype;
using tulu::rope_scaling_type;
using tulu::test::message_of;

TEST_CASE("gguf_llama_keys: the keys and values of llama.cpp's converter, in its order") {
  for (const auto& each :
       {std::tuple{"bias.gguf", "bias", dtype::f32}, std::tuple{"linear-00001-of-00003.gguf", "linear", dtype::f16}}) {
    const auto [file, model_name, type] = each;
    const std::string model = model_name;
    CAPTURE(model);
    const auto golden = checkpoint::read_gguf_metadata(fs::path{TULU_TEST_DATA} / "gguf" / file);
    const auto config = tulu::load_llama_config(fs::path{TULU_TEST_DATA} / "model" / model);
    const auto keys = checkpoint::gguf_llama_keys(config, golden.required<std::string>("general.name"), type);
    std::size_t next = 0;
    for (const auto& entry : golden.entries()) {
      if (entry.key == "general.size_label" || entry.key.starts_with("tokenizer.") || entry.key.starts_with("split."))
        continue;
      CAPTURE(entry.key);
      REQUIRE(next < keys.size());
      CHECK(keys[next].key == entry.key);
      CHECK(keys[next].value.type() == entry.value.type());
      CHECK((keys[next].value.bytes() == entry.value.bytes()));
      ++next;
    }
    CHECK(next == keys.size());
  }
}

TEST_CASE("gguf_llama_keys: llama3 scaling as llama.cpp's converter works it out") {
  const auto config = tulu::load_llama_config(fs::path{TULU_TEST_DATA} / "model" / "llama3");
  REQUIRE(config.scaling.type == rope_scaling_type::llama3);
  const auto golden = checkpoint::read_gguf(fs::path{TULU_TEST_DATA} / "gguf" / "llama3_factors.gguf");
  REQUIRE(golden.tensors.size() == 1);
  std::vector<float> wanted(golden.tensors[0].size());
  golden.tensors[0].read(0, wanted.size(), std::as_writable_bytes(std::span{wanted}));
  const auto factors = checkpoint::gguf_rope_factors(config);
  REQUIRE(factors.size() == wanted.size());
  for (std::size_t i = 0; i < factors.size(); ++i)
    CHECK(static_cast<double>(factors[i]) == doctest::Approx(static_cast<double>(wanted[i])).epsilon(1e-6));
  CHECK(factors.front() == 1);
  CHECK(factors.back() == 8);
  for (const auto& entry : checkpoint::gguf_llama_keys(config, "m", dtype::f32))
    CHECK(entry.key.find("scaling") == entry.key.npos);
}

TEST_CASE("gguf_llama_keys: factors that are there already are kept, others are not made up") {
  tulu::llama_config config;
  CHECK(checkpoint::gguf_rope_factors(config).empty());
  config.rope_factors = {1, 2};
  CHECK(checkpoint::gguf_rope_factors(config) == std::vector<float>{1, 2});
}

TEST_CASE("gguf_llama_keys: what GGUF has no words for") {
  tulu::llama_config config;
  config.file = "config.json";
  config.scaling.type = rope_scaling_type::dynamic;
  CHECK(message_of([&] { static_cast<void>(checkpoint::gguf_llama_keys(config, "m", dtype::f32)); }) ==
        "config.json: rope_scaling: expected linear, llama3 or none for GGUF, found dynamic");
}

TEST_CASE("gguf_llama_keys: file types are llama.cpp's") {
  CHECK(checkpoint::gguf_file_type(dtype::f16) == 1);
  CHECK(checkpoint::gguf_file_type(dtype::bf16) == 32);
  CHECK(checkpoint::gguf_file_type(dtype::q8_0) == 7);
  CHECK(checkpoint::gguf_file_type(dtype::q4_0) == 2);
  CHECK(checkpoint::gguf_file_type(dtype::q4_k) == 15);
  CHECK(checkpoint::gguf_file_type(dtype::q6_k) == 18);
  CHECK(message_of([] { static_cast<void>(checkpoint::gguf_file_type(dtype::i8)); }) ==
        "GGUF file type: expected a type of weights, found I8");
}
