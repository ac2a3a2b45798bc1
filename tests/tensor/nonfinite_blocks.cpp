#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tensor/nonfinite_blocks.hpp>

namespace {

using tulu::dtype;

constexpr dtype types[] = {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1,  dtype::q8_0,
                           dtype::q4_k, dtype::q5_k, dtype::q6_k, dtype::iq4_nl};

}  // namespace

TEST_CASE("count_nonfinite_blocks: every scale and minimum that is NaN or infinite, and nothing else") {
  for (const dtype type : types) {
    INFO(std::string{tulu::name(type)});
    const std::size_t bytes = tulu::traits(type).bytes, block = tulu::block_of(type), blocks = 9;
    for (std::size_t at = 0; at < bytes; ++at) {
      // All bits of one pair of bytes after the other: what is no float16 number can take any.
      std::vector<std::byte> data(blocks * bytes, std::byte{0x11});
      if (at + 2 > bytes) continue;
      std::memset(data.data() + 5 * bytes + at, 0xff, 2);
      std::vector<float> decoded(blocks * block);
      tulu::decode(type, data.data(), decoded.data(), decoded.size());
      std::size_t nan = 0, first = 0;
      for (std::size_t i = decoded.size(); i-- > 0;)
        if (std::isnan(decoded[i])) ++nan, first = i;
      const auto found = tulu::count_nonfinite_blocks(type, data);
      CHECK(found.nan == nan);
      CHECK(found.infinite == 0);
      if (nan != 0) CHECK(found.first_nan == first);
    }
    // An infinite scale: infinite weights, and NaN where the level is zero.
    std::vector<std::byte> data(blocks * bytes, std::byte{0x11});
    const std::size_t offset = tulu::detail::halves_of(type).offset;
    data[7 * bytes + offset] = std::byte{0x00};
    data[7 * bytes + offset + 1] = std::byte{0x7c};
    const auto found = tulu::count_nonfinite_weights(type, data);
    CHECK(found.infinite + found.nan == block);
    CHECK(found.first() == 7 * block);
  }
}

TEST_CASE("count_nonfinite_weights: types without blocks") {
  const std::vector<float> values{1, INFINITY, NAN};
  const auto found = tulu::count_nonfinite_weights(dtype::f32, std::as_bytes(std::span{values}));
  CHECK(found.first_nan == 2);
  CHECK(found.first_infinite == 1);
  CHECK(found.first() == 1);
}
