#pragma once

#include <array>
#include <cstddef>

#include <tulu/scalar/block_scalar.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/dtype_of.hpp>

namespace tulu {

namespace detail {

struct codec {
  void (*decode)(const std::byte* in, float* out, std::size_t count) noexcept = nullptr;
  void (*encode)(const float* in, std::byte* out, std::size_t count) noexcept = nullptr;
};

template <class T>
inline constexpr bool encodes = weight_scalar<T> || requires(const float* in, T& out) {
  encode(in, out);
};

template <class T>
void decode_elements(const std::byte* in, float* out, std::size_t count) noexcept {
  const auto* const stored = reinterpret_cast<const T*>(in);
  if constexpr (weight_scalar<T>) {
    for (std::size_t i = 0; i < count; ++i) out[i] = to_float(stored[i]);
  } else {
    for (std::size_t i = 0; i < count / T::block; ++i) decode(stored[i], out + i * T::block);
  }
}

template <class T>
void encode_elements(const float* in, std::byte* out, std::size_t count) noexcept {
  auto* const stored = reinterpret_cast<T*>(out);
  if constexpr (weight_scalar<T>) {
    for (std::size_t i = 0; i < count; ++i) stored[i] = from_float<T>(in[i]);
  } else {
    for (std::size_t i = 0; i < count / T::block; ++i) encode(in + i * T::block, stored[i]);
  }
}

template <class... Types>
[[nodiscard]] constexpr auto make_codecs() noexcept {
  std::array<codec, dtypes.size()> table{};
  const auto add = [&]<class T>(std::size_t index, const T*) {
    table[index].decode = &decode_elements<T>;
    if constexpr (encodes<T>) table[index].encode = &encode_elements<T>;
  };
  (add(static_cast<std::size_t>(dtype_of<Types>), static_cast<const Types*>(nullptr)), ...);
  return table;
}

inline constexpr auto codecs = make_codecs<float, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, iq4_nl>();

}  // namespace detail

/// Whether `encode` writes elements of that type: all weight types but iq4_nl.
[[nodiscard]] constexpr bool can_encode(dtype type) noexcept {
  return detail::codecs[static_cast<std::size_t>(type)].encode != nullptr;
}

/// `count` elements of a type that is_weight_type, a multiple of its block, as floats. Portable and exact: the oracle
/// of the kernels.
inline void decode(dtype type, const std::byte* in, float* out, std::size_t count) noexcept {
  detail::codecs[static_cast<std::size_t>(type)].decode(in, out, count);
}

/// The opposite, for a type that can_encode: rounded to nearest, block types as ggml's reference does.
inline void encode(dtype type, const float* in, std::byte* out, std::size_t count) noexcept {
  detail::codecs[static_cast<std::size_t>(type)].encode(in, out, count);
}

}  // namespace tulu
