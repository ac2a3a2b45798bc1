#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <tulu/scalar/traits.hpp>

namespace tulu {

/// A block of weights that share a scale, laid out as in GGUF files (little-endian): `T::block` weights, which
/// `decode(const T&, float*)` makes floats, exactly as ggml's dequantize_row_* does. Types that tulu writes have
/// `encode(const float*, T&)` too, with the bytes of ggml's quantize_row_*_ref.
template <class T>
concept block_scalar = std::is_trivially_copyable_v<T> && requires(const T& in, float* out) {
  { T::block } -> std::convertible_to<std::size_t>;
  { decode(in, out) }
  noexcept;
};

/// What the matrices of a model are made of.
template <class T>
concept weight_element = weight_scalar<T> || block_scalar<T>;

}  // namespace tulu
