#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "support/reference_llama.hpp"
#include <tulu/checkpoint/gguf_llama_keys.hpp>
#include <tulu/model/rope_angles.hpp>

namespace rope_angles_test {

using tulu::llama_config;
using tulu::rope_scaling_type;

llama_config with(rope_scaling_type type, double factor, std::size_t head_dim = 64, double theta = 10000) {
  llama_config config;
  config.head_dim = head_dim;
  config.rope_theta = theta;
  config.max_position_embeddings = 128;
  config.scaling = {.type = type, .factor = factor, .original_max_position_embeddings = 512};
  return config;
}

/// The largest distance of the angles at `position` from the formula's, in steps of a float32 of the angle's size. Of
/// the full turns in it nothing is known, so it is seen on the circle.
double off_in_units(const llama_config& config, std::size_t position, std::size_t length) {
  tulu::rope_angles angles{config};
  const tulu::llama_weights weights{.config = config};
  const auto frequencies = tulu::test::reference_llama{weights}.inverse_frequencies(length);
  std::vector<float> cosines(config.head_dim / 2), sines(config.head_dim / 2);
  angles.at(position, length, cosines, sines);
  double worst = 0;
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    const double angle = static_cast<double>(position) * frequencies[i];
    const auto c = static_cast<double>(cosines[i]), s = static_cast<double>(sines[i]);
    const double off = std::hypot(c - std::cos(angle), s - std::sin(angle));
    worst = std::max(worst, std::max(0.0, off - 0x1p-24) / (std::max(angle, 0x1p-10) * 0x1p-24));
  }
  return worst;
}

constexpr rope_scaling_type types[] = {rope_scaling_type::none, rope_scaling_type::linear, rope_scaling_type::dynamic,
                                       rope_scaling_type::llama3};

TEST_CASE("angles are those of the formulas within a few roundings, for every scaling, size and distance") {
  for (const rope_scaling_type type : types)
    for (const std::size_t head_dim : {4U, 6U, 64U, 100U, 128U, 256U})
      for (const double theta : {10000.0, 500000.0})
        for (const std::size_t position : {0U, 1U, 100U, 1023U, 8191U}) {
          INFO("scaling ", static_cast<int>(type), " head_dim ", head_dim, " theta ", theta, " position ", position);
          // The exponent, the power, its inverse, the scaling and the product are rounded; the exponent's rounding
          // counts ln(theta) times, and dynamic scaling makes theta itself of rounded numbers.
          CHECK(off_in_units(with(type, 2.5, head_dim, theta), position, position + 1) <= 64);
        }
}

TEST_CASE("at position zero nothing is turned") {
  for (const rope_scaling_type type : types) {
    std::vector<float> cosines(32), sines(32);
    tulu::rope_angles{with(type, 4)}.at(0, 1, cosines, sines);
    CHECK(std::all_of(cosines.begin(), cosines.end(), [](float value) { return value == 1; }));
    CHECK(std::all_of(sines.begin(), sines.end(), [](float value) { return value == 0; }));
  }
}

TEST_CASE("dynamic scaling follows the length, also back to a short one, and starts beyond the trained one") {
  tulu::rope_angles angles{with(rope_scaling_type::dynamic, 2)}, plain{with(rope_scaling_type::none, 1)};
  const auto at = [](tulu::rope_angles& of, std::size_t length) {
    std::vector<float> cosines(32), sines(32);
    of.at(100, length, cosines, sines);
    return cosines;
  };
  const auto trained = at(plain, 128);
  CHECK(at(angles, 101) == trained);
  CHECK(at(angles, 128) == trained);
  const auto longer = at(angles, 129);
  CHECK(longer != trained);
  CHECK(at(angles, 500) != longer);
  CHECK(at(angles, 129) == longer);
  CHECK(at(angles, 10) == trained);
}

TEST_CASE("the other scalings do not look at the length") {
  for (const rope_scaling_type type : {rope_scaling_type::none, rope_scaling_type::linear, rope_scaling_type::llama3}) {
    tulu::rope_angles angles{with(type, 4)};
    std::vector<float> first(32), second(32), sines(32);
    angles.at(77, 78, first, sines);
    angles.at(77, 1000, second, sines);
    CHECK(first == second);
  }
}

TEST_CASE("llama3 scaling keeps short waves, stretches long ones by its factor, and blends those between") {
  const llama_config config = with(rope_scaling_type::llama3, 8, 64);
  tulu::rope_angles plain{with(rope_scaling_type::none, 1, 64)}, scaled{config};
  std::vector<float> cosines(32), sines(32), scaled_sines(32);
  plain.at(1, 1, cosines, sines);
  scaled.at(1, 1, cosines, scaled_sines);
  std::size_t kept = 0, stretched = 0, blended = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const double plain_angle = std::asin(static_cast<double>(sines[i])),
                 angle = std::asin(static_cast<double>(scaled_sines[i]));
    const double ratio = plain_angle / angle;
    CHECK(ratio > 1 - 1e-5);
    CHECK(ratio < 8 + 1e-4);
    if (std::abs(ratio - 1) < 1e-6)
      ++kept;
    else if (std::abs(ratio - 8) < 1e-4)
      ++stretched;
    else
      ++blended;
  }
  CHECK(kept > 5);
  CHECK(stretched > 5);
  CHECK(blended > 2);
}

TEST_CASE("angles in float32 steps are those that torch computes, to the last place of one") {
  // 1.0 / 10000.0 ** (torch.arange(0, 8, 2).float() / 8) is 1, 0.1, 0.01, 0.001 there as here: cosines and sines of
  // 1000 times those, by torch 1.13 (float32).
  llama_config config = with(rope_scaling_type::none, 1, 8);
  std::vector<float> cosines(4), sines(4);
  tulu::rope_angles{config}.at(1000, 1001, cosines, sines);
  constexpr float wanted_cosines[] = {0x1.1ff026p-1F, 0x1.b981dcp-1F, -0x1.ad9ac8p-1F, 0x1.14a282p-1F};
  constexpr float wanted_sines[] = {0x1.a75cc2p-1F, -0x1.03425cp-1F, -0x1.1689f0p-1F, 0x1.aed548p-1F};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(std::abs(cosines[i] - wanted_cosines[i]) <= 0x1p-24F);
    CHECK(std::abs(sines[i] - wanted_sines[i]) <= 0x1p-24F);
  }
}

TEST_CASE("factors divide the frequencies; those of llama3 scaling for GGUF give its angles") {
  const llama_config llama3 = with(rope_scaling_type::llama3, 8);
  llama_config factors = with(rope_scaling_type::none, 1);
  factors.rope_factors = tulu::checkpoint::gguf_rope_factors(llama3);
  std::vector<float> cosines(32), wanted_cosines(32), sines(32), wanted_sines(32);
  tulu::rope_angles{factors}.at(100, 101, cosines, sines);
  tulu::rope_angles{llama3}.at(100, 101, wanted_cosines, wanted_sines);
  for (std::size_t i = 0; i < 32; ++i) {
    CHECK(std::abs(cosines[i] - wanted_cosines[i]) <= 3e-5F);
    CHECK(std::abs(sines[i] - wanted_sines[i]) <= 3e-5F);
  }
  tulu::rope_angles{with(rope_scaling_type::none, 1)}.at(100, 101, wanted_cosines, wanted_sines);
  CHECK(sines != wanted_sines);
}

}  // namespace rope_angles_test
