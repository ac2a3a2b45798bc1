#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/meta_params.hpp>

namespace meta_params_test {

using tulu::checkpoint::meta_params;

meta_params parse(const std::string& text) {
  const tulu::test::temp_dir dir;
  tulu::test::write_file(dir.path() / "params.json", text);
  return tulu::checkpoint::load_meta_params(dir.path() / "params.json");
}

void refused(const std::string& text, std::string_view part) {
  const std::string message = tulu::test::message_of([&] { static_cast<void>(parse(text)); });
  INFO(message);
  CHECK(message.find(part) != std::string::npos);
}

TEST_CASE("load_meta_params: the file of Llama 3.1 8B") {
  const auto params = parse(R"({"dim": 4096, "ffn_dim_multiplier": 1.3, "multiple_of": 1024, "n_heads": 32,
    "n_kv_heads": 8, "n_layers": 32, "norm_eps": 1e-05, "rope_theta": 500000.0, "use_scaled_rope": true,
    "vocab_size": 128256})");
  CHECK(params.dim == 4096);
  CHECK(params.n_layers == 32);
  CHECK(params.n_heads == 32);
  CHECK(params.n_kv_heads == 8);
  CHECK(params.has_kv_heads);
  CHECK(params.head_dim() == 128);
  CHECK(params.feed_forward_size() == 14336);
  CHECK(params.norm_eps == 1e-5);
  CHECK(params.rope_theta == 500000);
  CHECK(params.use_scaled_rope);
  CHECK(params.vocab_size == 128256U);
}

TEST_CASE("load_meta_params: the feed-forward sizes of the released models") {
  const auto size = [](const std::string& keys) {
    return parse(R"({"n_layers": 1, "n_heads": 8, )" + keys + "}").feed_forward_size();
  };
  CHECK(size(R"("dim": 4096)") == 11008);
  CHECK(size(R"("dim": 5120, "multiple_of": 256)") == 13824);
  CHECK(size(R"("dim": 6656, "multiple_of": 256)") == 17920);
  CHECK(size(R"("dim": 8192, "multiple_of": 256)") == 22016);
  CHECK(size(R"("dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3)") == 28672);
  CHECK(size(R"("dim": 2048, "multiple_of": 256, "ffn_dim_multiplier": 1.5)") == 8192);
}

TEST_CASE("load_meta_params: -1 and no vocabulary size mean the rows of the embedding; the file may be nested") {
  CHECK_FALSE(parse(R"({"dim": 8, "n_layers": 1, "n_heads": 2, "vocab_size": -1})").vocab_size.has_value());
  const auto params = parse(R"({"model": {"dim": 8, "n_layers": 1, "n_heads": 2}})");
  CHECK_FALSE(params.vocab_size.has_value());
  CHECK(params.n_kv_heads == 2);
  CHECK_FALSE(params.has_kv_heads);
}

TEST_CASE("load_meta_params: numbers that no model has") {
  refused("[]", "params.json: expected a JSON object");
  refused(R"({"n_layers": 1, "n_heads": 2})", "dim: expected a number, found none");
  refused(R"({"dim": 0, "n_layers": 1, "n_heads": 2})", "dim: expected an integer from 1 to 16777216, found 0");
  refused(R"({"dim": 1e99, "n_layers": 1, "n_heads": 2})", "dim: expected an integer");
  refused(R"({"dim": 9, "n_layers": 1, "n_heads": 2})", "dim: expected an even number for each of 2 heads");
  refused(R"({"dim": 6, "n_layers": 1, "n_heads": 2})", "dim: expected an even number for each of 2 heads");
  refused(R"({"dim": 16, "n_layers": 1, "n_heads": 4, "n_kv_heads": 3})", "n_kv_heads: expected a divisor");
  refused(R"({"dim": 8, "n_layers": 1, "n_heads": 2, "vocab_size": -2})", "vocab_size: expected an integer");
  refused(R"({"dim": 8, "n_layers": 1, "n_heads": 2, "ffn_dim_multiplier": 1e30})", "ffn_dim_multiplier");
  refused(R"({"dim": 8, "n_layers": 1, "n_heads": 2, "norm_eps": "x"})", "norm_eps: expected a number");
  refused(R"({"model": {"dim": 8, "n_heads": 2}})", "model.n_layers: expected a number, found none");
  refused(R"({"dim": 8, "n_layers": 1, "n_heads": 2, "quantization_args": {}})", "quantization_args: expected none");
}

}  // namespace meta_params_test
