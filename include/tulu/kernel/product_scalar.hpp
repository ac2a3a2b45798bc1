#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <tulu/scalar/bf16.hpp>
#include <tulu/scalar/f16.hpp>

namespace tulu::kernel {

namespace detail {

template <class Backend>
inline constexpr bool has_bf16_products = requires {
  Backend::has_bf16_products;
};
template <class Backend>
inline constexpr bool has_byte_products = requires {
  Backend::has_byte_products;
};
/// Whether quantised weights are multiplied with many tokens in words, see panel_words.
template <class Backend>
inline constexpr bool in_words = requires {
  Backend::has_word_products;
};
/// Whether they are with few tokens, too.
template <class Backend>
inline constexpr bool few_in_words = in_words<Backend> && !has_byte_products<Backend>;
template <class Backend>
inline constexpr bool has_tiles = requires {
  typename Backend::tiles;
};

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

/// What products with many tokens are computed in: bfloat16, with sums in float32, where the backend has instructions
/// for it and the weights are bfloat16 themselves or quantised; else float32. With weights in panels, and a backend
/// that has products of words, float32 stands for those: their tokens lie where those in float32 would.
template <class Backend, class Weight>
using product_scalar =
    std::conditional_t<detail::has_bf16_products<Backend> && !std::same_as<Weight, float> && !std::same_as<Weight, f16>,
                       bf16, float>;

/// Columns of packed tokens with their padding: what every kernel takes in one step.
[[nodiscard]] constexpr std::size_t packed_columns(std::size_t columns) noexcept {
  return (columns + 31) / 32 * 32;
}

}  // namespace tulu::kernel
