#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/model/workspace.hpp>

namespace workspace_test {

tulu::llama_config odd_config() {
  tulu::llama_config config;
  config.file = "config.json";
  config.hidden_size = 45;
  config.intermediate_size = 53;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  return config;
}

TEST_CASE("the parts of a workspace are large enough, on cache lines of their own, and end with its memory") {
  const tulu::llama_config config = odd_config();
  for (const tulu::workspace_size& size :
       {tulu::workspace_size{1, 1, 3, 1, 16, 48, 64}, {70, 5, 37, 3, 24, 192, 192}, {7, 32, 1, 2, 4, 48, 64}}) {
    const tulu::workspace space{config, size};
    const std::size_t rows = std::max(size.tokens, size.logit_rows);
    const std::size_t tiled = (rows + size.tile - 1) / size.tile * size.tile;
    const std::size_t scratch = std::max({tulu::kernel::multiply_scratch(size.block_rows, rows, size.tile),
                                          tulu::kernel::many_scratch(size.many_rows, rows),
                                          tulu::kernel::attention_scratch(3, config.head_dim)});
    const auto floats = [](const void* part) { return static_cast<const float*>(part); };
    std::vector<std::pair<const float*, std::size_t>> parts{
        {space.hidden, rows * 45},
        {space.normed, rows * 45},
        {space.query, size.tokens * 60},
        {space.key, size.tokens * 20},
        {space.value, size.tokens * 20},
        {space.attended, size.tokens * 60},
        {space.gate, size.tokens * 53},
        {space.up, size.tokens * 53},
        {floats(space.tiles(tulu::dtype::f32)), tiled * 64},
        {floats(space.tiles(tulu::dtype::bf16)), tiled * 32},
        {floats(space.packed(tulu::kernel::panel_form::words)), tulu::kernel::packed_tokens(rows) * 64},
        {floats(space.packed(tulu::kernel::panel_form::bytes)),
         tulu::kernel::packed_tokens(rows) * 2 * sizeof(tulu::kernel::token_group) / sizeof(float)},
        {space.cosines, size.tokens * 5},
        {space.sines, size.tokens * 5},
        {space.logits, size.logit_rows * size.vocabulary}};
    for (std::size_t thread = 0; thread < size.threads; ++thread) {
      parts.emplace_back(space.scratch(thread), scratch);
      parts.emplace_back(floats(space.panels(thread)),
                         tulu::kernel::panels_bytes(tulu::dtype::q8_0, size.many_rows, 32) / sizeof(float));
    }
    std::sort(parts.begin(), parts.end());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(reinterpret_cast<std::uintptr_t>(parts[i].first) % 64 == 0);
      if (i != 0) CHECK(parts[i].first >= parts[i - 1].first + parts[i - 1].second);
    }
    const auto used = static_cast<std::size_t>(parts.back().first + parts.back().second - parts.front().first);
    CHECK(used * sizeof(float) <= space.bytes());
    CHECK(space.bytes() == tulu::workspace::bytes_for(config, size));
  }
}

TEST_CASE("a workspace too large for any machine is refused") {
  const std::size_t most = std::numeric_limits<std::size_t>::max() / 64;
  CHECK(tulu::test::message_of([&] {
          (void)tulu::workspace::bytes_for(odd_config(), {most, 1, 3, 1, 16, 48, 64});
        }) == "config.json: activations of " + std::to_string(most) + " tokens are more than a machine can hold");
}

}  // namespace workspace_test
