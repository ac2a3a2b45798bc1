#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <tulu/scalar/bf16.hpp>

namespace tulu::kernel {

namespace detail {

/// Whether a backend brings its own product of blocks, of float32 alone, see simd::eigen_over.
template <class Backend>
inline constexpr bool has_multiply = requires(const float* in, float* out) {
  Backend::multiply(in, std::size_t{}, std::size_t{}, in, std::size_t{}, std::size_t{}, std::size_t{}, out, true);
};
template <class Backend>
inline constexpr bool has_bf16_products = !has_multiply<Backend> && requires {
  Backend::has_bf16_products;
};
template <class Backend>
inline constexpr bool has_word_products = requires {
  Backend::has_word_products;
};
template <class Backend>
inline constexpr bool has_tiles = requires {
  typename Backend::tiles;
};
/// Bits of the levels whose products with bytes are one instruction, or 0.
template <class Backend>
inline constexpr std::size_t byte_product_bits = [] {
  if constexpr (requires { Backend::byte_product_bits; }) return Backend::byte_product_bits;
  return std::size_t{0};
}();

/// Whether products of this type are computed in the tiles of the backend.
template <class Backend, class Scalar>
inline constexpr bool in_tiles = has_tiles<Backend>&& std::same_as<Scalar, bf16>;

/// Elements of type Scalar that dot products take together.
template <class Scalar>
inline constexpr std::size_t product_step = std::same_as<Scalar, bf16> ? 2 : 1;

/// Registers of product_step elements a lane, and their products summed in float32.
template <class Backend, class Scalar>
struct products_of {
  [[nodiscard]] static auto load(const Scalar* from) noexcept {
    if constexpr (std::same_as<Scalar, bf16>)
      return Backend::load_pairs(from);
    else
      return Backend::load(from);
  }
  /// The same elements in every lane.
  [[nodiscard]] static auto broadcast(const Scalar* from) noexcept {
    if constexpr (std::same_as<Scalar, bf16>)
      return Backend::set_pair(from);
    else
      return Backend::set(*from);
  }
  using operand = decltype(load(nullptr));
  [[nodiscard]] static auto add(operand a, operand b, typename Backend::f32 sum) noexcept {
    if constexpr (std::same_as<Scalar, bf16>)
      return Backend::dot_bf16(sum, a, b);
    else
      return Backend::fma(a, b, sum);
  }
};

}  // namespace detail

/// What products of weights in rows with many tokens are computed in: bfloat16, with sums in float32, where the weights
/// are bfloat16 and the backend has instructions for it; else float32. Weights in panels: see panel_form.
template <class Backend, class Weight>
using product_scalar =
    std::conditional_t<detail::has_bf16_products<Backend> && std::same_as<Weight, bf16>, bf16, float>;

/// Columns of packed tokens with their padding: what every kernel takes in one step.
[[nodiscard]] constexpr std::size_t packed_columns(std::size_t columns) noexcept {
  return (columns + 31) / 32 * 32;
}

}  // namespace tulu::kernel
