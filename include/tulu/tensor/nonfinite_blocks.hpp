#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <tulu/tensor/block_codec.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/nonfinite.hpp>

namespace tulu {

namespace detail {

/// The float16 numbers of a block: its scale and, in some types, its minimum.
struct block_halves {
  std::size_t offset;  ///< of the first, in bytes
  std::size_t count;
};

[[nodiscard]] constexpr block_halves halves_of(dtype type) noexcept {
  switch (type) {
    case dtype::q4_1:
    case dtype::q5_1:
    case dtype::q4_k:
    case dtype::q5_k:
      return {0, 2};
    case dtype::q6_k:
      return {offsetof(q6_k, scale), 1};
    default:
      return {0, 1};
  }
}

/// Whether one of `count` float16 numbers, at any address, is NaN or infinite.
[[nodiscard]] inline bool has_nonfinite_half(const std::byte* halves, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, halves + i * sizeof bits, sizeof bits);
    if ((bits & f16_pattern::infinity) == f16_pattern::infinity) return true;
  }
  return false;
}

}  // namespace detail

/// How many of the weights in `blocks` are NaN or infinite, which takes a scale that is. `type` is a block type.
[[nodiscard]] inline nonfinite_count count_nonfinite_blocks(dtype type, std::span<const std::byte> blocks) noexcept {
  const auto [offset, halves] = detail::halves_of(type);
  const std::size_t size = traits(type).bytes, block = block_of(type);
  nonfinite_count count;
  for (std::size_t i = 0; i < blocks.size() / size; ++i) {
    const std::byte* const at = blocks.data() + i * size;
    if (!detail::has_nonfinite_half(at + offset, halves)) continue;
    std::array<float, 256> weights;
    decode(type, at, weights.data(), block);
    count.merge(count_nonfinite(dtype::f32, std::as_bytes(std::span{weights}.first(block))), i * block);
  }
  return count;
}

/// The same for any type that is_weight_type.
[[nodiscard]] inline nonfinite_count count_nonfinite_weights(dtype type, std::span<const std::byte> weights) noexcept {
  return is_block_type(type) ? count_nonfinite_blocks(type, weights) : count_nonfinite(type, weights);
}

}  // namespace tulu
