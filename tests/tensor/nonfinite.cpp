#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/nonfinite.hpp>

using tulu::count_nonfinite;
using tulu::dtype;

namespace {

template <class T>
tulu::nonfinite_count count(dtype type, const std::vector<T>& elements) {
  return count_nonfinite(type, std::as_bytes(std::span{elements}));
}

/// Every place of NaN and infinity in arrays of lengths around the block is found, and nothing else is.
template <class Bits>
void check_places(dtype type, Bits infinity, Bits nan, Bits largest) {
  const Bits sign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  for (const std::size_t n : {0U, 1U, 7U, 1023U, 1024U, 1025U, 3000U}) {
    std::vector<Bits> elements(n, largest);
    for (std::size_t i = 0; i < n; i += 3) elements[i] = static_cast<Bits>(largest | sign);
    CHECK_FALSE(count(type, elements).any());
    for (std::size_t i = 0; i < n; i += 61) {
      auto damaged = elements;
      damaged[i] = nan;
      auto found = count(type, damaged);
      CHECK(found.nan == 1);
      CHECK(found.first_nan == i);
      CHECK(found.infinite == 0);
      damaged[i] = static_cast<Bits>(infinity | sign);
      damaged[n - 1] = infinity;
      found = count(type, damaged);
      CHECK(found.nan == 0);
      CHECK(found.infinite == (i == n - 1 ? 1 : 2));
      CHECK(found.first_infinite == i);
    }
  }
}

}  // namespace

TEST_CASE("count_nonfinite: NaN and infinity at every place, in every type") {
  check_places<std::uint16_t>(dtype::f16, 0x7c00, 0xfc01, 0x7bff);
  check_places<std::uint16_t>(dtype::bf16, 0x7f80, 0xff81, 0x7f7f);
  check_places<std::uint32_t>(dtype::f32, 0x7f800000, 0xffc00000, 0x7f7fffff);
}

TEST_CASE("count_nonfinite: the 65536 patterns of the 16-bit types are judged as their floats") {
  std::size_t nan[2] = {}, infinite[2] = {};
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint16_t>(i);
    const float values[2] = {tulu::to_float(tulu::f16{all[i]}), tulu::to_float(tulu::bf16{all[i]})};
    for (int k = 0; k < 2; ++k) {
      nan[k] += std::isnan(values[k]);
      infinite[k] += std::isinf(values[k]);
    }
  }
  CHECK(count(dtype::f16, all).nan == nan[0]);
  CHECK(count(dtype::f16, all).infinite == infinite[0]);
  CHECK(count(dtype::bf16, all).nan == nan[1]);
  CHECK(count(dtype::bf16, all).infinite == infinite[1]);
}

TEST_CASE("nonfinite_count: parts in any order add up") {
  const tulu::nonfinite_count a{.nan = 1, .infinite = 2, .first_nan = 3, .first_infinite = 4};
  tulu::nonfinite_count sum;
  sum.merge(a, 100);
  sum.merge({}, 0);
  sum.merge(a, 10);
  CHECK(sum.nan == 2);
  CHECK(sum.first_nan == 13);
  CHECK(sum.infinite == 4);
  CHECK(sum.first_infinite == 14);
}
