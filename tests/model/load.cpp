#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/llama_folder.hpp"
#include <tulu/model/load.hpp>

using tulu::dtype;
using tulu::test::message_of;
using tulu::test::temp_dir;

namespace load_test {

/// The logits after some tokens.
std::vector<float> logits_of(tulu::llama_model& model) {
  constexpr std::array<tulu::token_id, 3> tokens{1, 7, 39};
  auto cache = model.make_cache(tokens.size(), dtype::f32);
  const auto logits = model.prefill(cache, tokens);
  return {logits.begin(), logits.end()};
}

TEST_CASE("load_llama: the type is what was asked for, whatever is stored") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 31, dtype::bf16);
  auto stored = tulu::load_llama<tulu::bf16>(path);
  auto converted = tulu::load_llama<float>(path);
  CHECK(stored.weights().lm_head.type == dtype::bf16);
  CHECK(converted.weights().lm_head.type == dtype::f32);
  CHECK(stored.vocab_size() == 40);
  const auto exact = logits_of(converted);
  const auto found = logits_of(stored);
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(found[i] == doctest::Approx(exact[i]).epsilon(1e-4));
}

TEST_CASE("load_llama: a backend of one's choice") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 32);
  auto native = tulu::load_llama<float>(path);
  auto portable = tulu::load_llama<float, tulu::simd::portable>(path);
  CHECK(std::string{portable.backend()} == "portable");
  CHECK(std::string{native.backend()} == tulu::simd::native::name);
  const auto exact = logits_of(portable);
  const auto found = logits_of(native);
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(found[i] == doctest::Approx(exact[i]).epsilon(1e-4));
}

TEST_CASE("load_model: type, backend and threads at run time") {
  const temp_dir dir;
  const auto path = tulu::test::write_llama(dir.path() / "model", {}, 33, dtype::f16);
  const auto stored = tulu::load_model(path);
  CHECK(stored->weights().lm_head.type == dtype::f16);
  CHECK(std::string{stored->backend()} == tulu::simd::native::name);
  tulu::load_options options;
  options.weights = dtype::bf16;
  options.kernels = &tulu::kernel::model_for<tulu::simd::portable>();
  options.model.workers = std::make_shared<tulu::executor>(3);
  const auto chosen = tulu::load_model(path, options);
  CHECK(chosen->weights().lm_head.type == dtype::bf16);
  CHECK(std::string{chosen->backend()} == "portable");
  CHECK(&chosen->workers() == options.model.workers.get());
  auto same = tulu::load_llama<tulu::bf16, tulu::simd::portable>(path);
  CHECK(logits_of(*chosen) == logits_of(same));
}

TEST_CASE("load_model: what loading refuses") {
  const temp_dir dir;
  CHECK(message_of([&] {
          static_cast<void>(tulu::load_model(dir.path() / "absent"));
        }).starts_with((dir.path() / "absent").string() + ": expected a folder or a weight file"));
}

}  // namespace load_test
