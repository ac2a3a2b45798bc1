#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/open.hpp>

using tulu::load_llama_config;
using tulu::test::message_of;
using tulu::test::temp_dir;
using tulu::test::write_file;

namespace meta_test {

namespace fs = std::filesystem;
namespace checkpoint = tulu::checkpoint;

const fs::path data = fs::path{TULU_TEST_DATA} / "meta";

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool same_bytes(const checkpoint::stored_tensor& a, const checkpoint::stored_tensor& b) {
  const tulu::tensor left = a.materialise(), right = b.materialise();
  return std::ranges::equal(left.view().bytes, right.view().bytes);
}

/// Both have the same tensors, bit for bit.
void check_same(const checkpoint::catalogue& found, const checkpoint::catalogue& expected) {
  CHECK(found.tensors().size() == expected.tensors().size());
  for (const auto& tensor : expected.tensors()) {
    CAPTURE(tensor.name());
    const auto* const other = found.find(tensor.name());
    REQUIRE(other != nullptr);
    CHECK(other->extents() == tensor.extents());
    CHECK(other->type() == tensor.type());
    CHECK(same_bytes(*other, tensor));
  }
}

/// A copy of one of the fixtures, to be damaged.
struct scratch {
  temp_dir dir;
  explicit scratch(const std::string& name) { fs::copy(data / name, dir.path()); }

  [[nodiscard]] std::string error_of_open() const {
    return message_of([&] { static_cast<void>(checkpoint::open(dir.path())); });
  }
  [[nodiscard]] std::string error_of_config() const {
    return message_of([&] { static_cast<void>(load_llama_config(dir.path())); });
  }
  void params(const std::string& text) const { write_file(dir.path() / "params.json", text); }
};

TEST_CASE("open: a Meta checkpoint gives the tensors that transformers' converter writes, of one file and of two") {
  check_same(checkpoint::open(data / "whole"), checkpoint::open(data / "whole.safetensors"));
  check_same(checkpoint::open(data / "parts"), checkpoint::open(data / "parts.safetensors"));
  check_same(checkpoint::open(data / "rows"), checkpoint::open(data / "parts.safetensors"));
  CHECK(checkpoint::open(data / "parts").files().size() == 2);
}

TEST_CASE("open: weights of Hugging Face's go before Meta's in the same folder") {
  const scratch folder{"whole"};
  CHECK(checkpoint::is_meta_folder(folder.dir.path()));
  fs::copy(data / "parts.safetensors", folder.dir.path() / "model.safetensors");
  CHECK_FALSE(checkpoint::is_meta_folder(folder.dir.path()));
  check_same(checkpoint::open(folder.dir.path()), checkpoint::open(data / "parts.safetensors"));
  CHECK_FALSE(checkpoint::is_meta_folder(data / "parts.safetensors"));
}

TEST_CASE("load_llama_config: params.json and the tensors of a Meta checkpoint") {
  const auto config = load_llama_config(data / "parts");
  CHECK(config.file == (data / "parts/params.json").string());
  CHECK(config.vocab_size == 40);
  CHECK(config.hidden_size == 16);
  CHECK(config.intermediate_size == 48);
  CHECK(config.num_hidden_layers == 2);
  CHECK(config.num_attention_heads == 4);
  CHECK(config.num_key_value_heads == 2);
  CHECK(config.head_dim == 4);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.rope_theta == 10000);
  CHECK(config.max_position_embeddings == 4096);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.bos_token_id == 1U);
  CHECK(config.eos_token_ids == std::vector<std::uint32_t>{2});
  CHECK(load_llama_config(data / "whole").num_key_value_heads == 4);
  CHECK(load_llama_config(data / "rows").rope_theta == 500000);
}

TEST_CASE("load_llama_config: what params.json does not say is that of the released model") {
  const auto positions = [](tulu::checkpoint::meta_params params, bool is_llama3) {
    return checkpoint::detail::meta_positions(params, is_llama3);
  };
  CHECK(positions({.dim = 4096, .norm_eps = 1e-6}, false) == 2048);
  CHECK(positions({.dim = 6656, .norm_eps = 1e-5}, false) == 2048);
  CHECK(positions({.dim = 8192, .norm_eps = 1e-5}, false) == 2048);
  CHECK(positions({.dim = 8192, .norm_eps = 1e-5, .has_kv_heads = true}, false) == 4096);
  CHECK(positions({.dim = 4096, .norm_eps = 1e-5}, false) == 4096);
  CHECK(positions({.rope_theta = 1e6}, false) == 16384);
  CHECK(positions({.rope_theta = 5e5}, true) == 8192);
  CHECK(positions({.rope_theta = 5e5, .use_scaled_rope = true}, true) == 131072);
  const auto factor = [](tulu::checkpoint::meta_params params) {
    return checkpoint::detail::meta_scaling(params).factor;
  };
  CHECK(checkpoint::detail::meta_scaling({}).type == tulu::rope_scaling_type::none);
  CHECK(factor({.dim = 4096, .use_scaled_rope = true}) == 8);
  CHECK(factor({.dim = 2048, .use_scaled_rope = true}) == 32);
  CHECK(factor({.dim = 2048, .use_scaled_rope = true, .rope_scaling_factor = 16}) == 16);
}

TEST_CASE("a Meta checkpoint: parts that do not fit together are refused by name") {
  {
    const scratch folder{"parts"};
    fs::rename(folder.dir.path() / "consolidated.01.pth", folder.dir.path() / "consolidated.02.pth");
    CHECK(contains(folder.error_of_open(), "consolidated.01.pth: expected a part of the model, found no such file"));
  }
  {
    const scratch folder{"parts"};
    fs::copy_file(data / "whole/consolidated.00.pth", folder.dir.path() / "consolidated.01.pth",
                  fs::copy_options::overwrite_existing);
    CHECK(contains(folder.error_of_open(), "consolidated.01.pth: tok_embeddings.weight: expected BF16 [40, 8]"));
  }
  {
    const scratch folder{"parts"};
    write_file(folder.dir.path() / "consolidated.01.pth", "");
    CHECK(contains(folder.error_of_open(), "consolidated.01.pth: expected weights, found an empty file"));
  }
  {
    const scratch folder{"parts"};
    for (const char digit : std::string{"2345678"})
      fs::copy_file(data / "parts/consolidated.01.pth",
                    folder.dir.path() / (std::string{"consolidated.0"} + digit + ".pth"));
    CHECK(contains(folder.error_of_open(), "expected 1 to 8 model-parallel files, found 9"));
  }
}

TEST_CASE("a Meta checkpoint: tensors of another architecture or of one part only are refused") {
  const scratch folder{"parts"};
  std::string part = tulu::test::read_file(folder.dir.path() / "consolidated.01.pth");
  const std::size_t at = part.find("layers.1.ffn_norm.weight");
  REQUIRE(at != std::string::npos);
  part.replace(at, 8, "layers.7");
  write_file(folder.dir.path() / "consolidated.01.pth", part);
  CHECK(contains(folder.error_of_open(),
                 "consolidated.01.pth: layers.7.ffn_norm.weight: expected a tensor of consolidated.00.pth"));
  part.replace(at, 8, "bayers.7");
  write_file(folder.dir.path() / "consolidated.01.pth", part);
  CHECK(contains(folder.error_of_open(), "bayers.7.ffn_norm.weight: expected a tensor of LLaMA, found another"));
}

TEST_CASE("a Meta checkpoint: params.json that the tensors contradict is refused") {
  const scratch folder{"parts"};
  const std::string head = R"({"dim": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-5)";
  folder.params(head + R"(, "multiple_of": 8, "vocab_size": 41})");
  CHECK(contains(folder.error_of_config(), "params.json: vocab_size: expected 40"));
  folder.params(head + R"(, "multiple_of": 32})");
  CHECK(contains(folder.error_of_config(), "expected feed-forward layers of 48 as w1 has, found 64"));
  folder.params(R"({"dim": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "multiple_of": 8})");
  CHECK(contains(folder.error_of_open(), "params.json: n_kv_heads: expected 16 rows of layers.0.attention.wk.weight"));
  folder.params(R"({"dim": 12, "n_layers": 2, "n_heads": 6, "multiple_of": 8})");
  CHECK(contains(folder.error_of_open(), "params.json: n_heads: expected 12 rows"));
}

}  // namespace meta_test
