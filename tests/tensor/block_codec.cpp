#include <cstddef>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "../support/block_goldens.hpp"
#include <tulu/tensor/block_codec.hpp>

using tulu::dtype;

TEST_CASE("block_codec: every weight type is decoded, all but iq4_nl encoded") {
  for (const auto& row : tulu::dtypes) {
    const auto& codec = tulu::detail::codecs[static_cast<std::size_t>(row.type)];
    CAPTURE(row.torch);
    CHECK((codec.decode != nullptr) == tulu::is_weight_type(row.type));
    CHECK(tulu::can_encode(row.type) == (tulu::is_weight_type(row.type) && row.type != dtype::iq4_nl));
  }
}

TEST_CASE("block_codec: ranges of blocks, as ggml has them") {
  for (const auto& row : tulu::dtypes) {
    if (!tulu::is_block_type(row.type)) continue;
    CAPTURE(row.torch);
    const tulu::test::block_goldens goldens{row.type, !tulu::can_encode(row.type)};
    std::vector<float> weights(goldens.random_weights.size());
    tulu::decode(row.type, goldens.random.data(), weights.data(), weights.size());
    CHECK(std::memcmp(weights.data(), goldens.random_weights.data(), weights.size() * sizeof(float)) == 0);
    if (!tulu::can_encode(row.type)) continue;
    std::vector<std::byte> bytes(goldens.encoded.size());
    tulu::encode(row.type, goldens.weights.data(), bytes.data(), goldens.weights.size());
    CHECK(bytes == goldens.encoded);
  }
}

TEST_CASE("block_codec: the 16-bit types and float") {
  const std::vector<float> weights{0, -1.5f, 1e-3f, 65504};
  for (const dtype type : {dtype::f16, dtype::bf16, dtype::f32}) {
    std::vector<std::byte> bytes(tulu::bytes_of(type, weights.size()));
    tulu::encode(type, weights.data(), bytes.data(), weights.size());
    std::vector<float> back(weights.size());
    tulu::decode(type, bytes.data(), back.data(), back.size());
    CHECK(back[0] == 0);
    CHECK(back[1] == -1.5f);
    CHECK(back[2] == doctest::Approx(1e-3).epsilon(0.01));
  }
}
