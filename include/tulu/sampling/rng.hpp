#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include <tulu/core/error.hpp>

namespace tulu {

/// xoshiro256** by David Blackman and Sebastiano Vigna, seeded through splitmix64 as its authors advise. The same seed
/// gives the same numbers on every machine and with every compiler. Not for secrets.
class rng {
 public:
  /// All that decides which numbers follow; never all zero.
  using state_type = std::array<std::uint64_t, 4>;

  explicit rng(std::uint64_t seed = 0) noexcept {
    for (std::uint64_t& word : state_) word = split_mix(seed);
  }

  /// Goes on where another generator was when its `state` was read. Throws when all words are zero.
  [[nodiscard]] static rng from_state(const state_type& state) {
    if (state == state_type{}) throw mismatch_error("random state", "", "a word that is not zero", "only zeros");
    rng restored;
    restored.state_ = state;
    return restored;
  }
  [[nodiscard]] const state_type& state() const noexcept { return state_; }

  /// The next 64 bits, each as likely to be 0 as 1.
  std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// A multiple of 2^-53 in [0, 1), each equally likely.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  bool operator==(const rng&) const = default;

 private:
  static std::uint64_t split_mix(std::uint64_t& seed) noexcept {
    std::uint64_t mixed = seed += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  state_type state_{};
};

}  // namespace tulu
