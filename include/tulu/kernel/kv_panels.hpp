#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <tulu/kernel/elementwise.hpp>
#include <tulu/kernel/partial.hpp>
#include <tulu/scalar/q8_0.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/simd/backend.hpp>
#include <tulu/tensor/dtype.hpp>

// How the keys and values of one head lie in a cache: in panels of 16 positions, keys as [head_dim][16], so that a
// register holds one dimension of several keys, values as [16][kv_stride]. In the type q8_0 an element is a byte, and
// 16 float32 scales, one a position, end the panel: Q8_0 in name and precision, with one scale for a whole row.
namespace tulu::kernel {

/// Positions of a panel.
inline constexpr std::size_t panel_positions = 16;
/// Positions that attention works on together: their panels follow each other.
inline constexpr std::size_t attention_block = 64;

/// Whether keys and values can be kept as that type.
[[nodiscard]] constexpr bool is_cache_type(dtype type) noexcept {
  return is_summable(type) || type == dtype::q8_0;
}

/// A row of values is padded to that many elements, the rest zero.
[[nodiscard]] constexpr std::size_t kv_stride(std::size_t head_dim) noexcept {
  return (head_dim + 15) / 16 * 16;
}

/// Bytes of a panel with rows of `width` elements: head_dim for keys, kv_stride for values.
[[nodiscard]] constexpr std::size_t kv_panel_bytes(dtype type, std::size_t width) noexcept {
  return panel_positions * (type == dtype::q8_0 ? width + sizeof(float) : width * size_of(type));
}

/// Puts the key and the value of a position, [head_dim] each, into the panels of their head; `position` counts from the
/// first of those panels.
using store_function = void (*)(const float* key, const float* value, std::size_t head_dim, std::size_t position,
                                std::byte* keys, std::byte* values) noexcept;

namespace detail {

/// The elements of a cache of type f16, bf16, float or q8_0.
template <class Type>
using cached = std::conditional_t<std::same_as<Type, q8_0>, std::int8_t, Type>;
template <class Type>
inline constexpr bool has_scales = std::same_as<Type, q8_0>;

template <class Type>
[[nodiscard]] constexpr std::size_t kv_panel_size(std::size_t width) noexcept {
  return panel_positions * (width * sizeof(cached<Type>) + (has_scales<Type> ? sizeof(float) : 0));
}

/// The scales of a panel of q8_0.
template <class Byte>
[[nodiscard]] auto kv_scales(Byte* panel, std::size_t width) noexcept {
  using scale = std::conditional_t<std::is_const_v<Byte>, const float, float>;
  return reinterpret_cast<scale*>(panel + panel_positions * width);
}

template <class Backend, class Element>
[[nodiscard]] typename Backend::f32 load_cached(const Element* from) noexcept {
  if constexpr (std::same_as<Element, std::int8_t>) {
    return Backend::to_f32(Backend::widen(from));
  } else {
    return Backend::load(from);
  }
}

/// Elements that are rounded before they are stored.
inline constexpr std::size_t rounded_together = 64;

/// The largest magnitude / 127; NaN for a row with a NaN or an infinity; 0 for one too small to be told from zeros.
template <class Backend>
[[nodiscard]] float scale_of(const float* row, std::size_t count) noexcept {
  constexpr std::size_t lanes = Backend::lanes;
  const auto zero = Backend::set(0);
  auto most = zero, poison = zero;  // 0, or NaN
  for (std::size_t i = 0; i < count; i += lanes) {
    const auto value = count - i >= lanes ? Backend::load(row + i) : load_some<Backend>(row + i, count - i);
    most = Backend::max(most, Backend::max(value, Backend::sub(zero, value)));
    poison = Backend::add(poison, Backend::mul(value, zero));
  }
  float magnitudes[lanes], largest = 0;
  Backend::store(magnitudes, most);
  for (const float each : magnitudes) largest = largest < each ? each : largest;
  const float scale = largest / 127 + Backend::sum(poison);
  return scale < 1e-36f ? 0 : scale;
}

/// Rounds up to `rounded_together` numbers to elements; `inverse` is what those of q8_0 are multiplied by.
template <class Backend, class Element>
void to_cached(const float* in, std::size_t count, [[maybe_unused]] float inverse, Element* out) noexcept {
  if constexpr (std::same_as<Element, std::int8_t>) {
    constexpr std::size_t lanes = Backend::lanes;
    constexpr float shift = 0x1.8p23f;  // then the lowest bits of the sum are the whole number
    float sums[rounded_together];
    for (std::size_t i = 0; i < count; i += lanes) {
      const auto value = count - i >= lanes ? Backend::load(in + i) : load_some<Backend>(in + i, count - i);
      Backend::store(sums + i, Backend::add(Backend::mul(value, Backend::set(inverse)), Backend::set(shift)));
    }
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(sums[i]));
  } else {
    convert<Backend>(in, out, count);
  }
}

/// Hands the elements of a row to `write(index, element)`; returns the scale of q8_0.
template <class Backend, class Type, class Write>
float round_row(const float* row, std::size_t count, const Write& write) noexcept {
  float scale = 1, inverse = 1;
  if constexpr (has_scales<Type>) {
    scale = scale_of<Backend>(row, count);
    inverse = scale > 0 ? 1 / scale : 0;
  }
  cached<Type> rounded[rounded_together];
  for (std::size_t first = 0; first < count; first += rounded_together) {
    const std::size_t some = count - first < rounded_together ? count - first : rounded_together;
    to_cached<Backend>(row + first, some, inverse, rounded);
    for (std::size_t i = 0; i < some; ++i) write(first + i, rounded[i]);
  }
  return scale;
}

}  // namespace detail

/// See store_function.
template <simd::backend Backend, class Type>
void store_key_value(const float* key, const float* value, std::size_t head_dim, std::size_t position, std::byte* keys,
                     std::byte* values) noexcept {
  using element = detail::cached<Type>;
  const std::size_t panel = position / panel_positions, column = position % panel_positions;
  const std::size_t stride = kv_stride(head_dim);
  std::byte* const key_panel = keys + panel * detail::kv_panel_size<Type>(head_dim);
  std::byte* const value_panel = values + panel * detail::kv_panel_size<Type>(stride);
  auto* const key_column = reinterpret_cast<element*>(key_panel) + column;
  auto* const value_row = reinterpret_cast<element*>(value_panel) + column * stride;
  const float key_scale = detail::round_row<Backend, Type>(
      key, head_dim, [&](std::size_t d, element rounded) { key_column[d * panel_positions] = rounded; });
  const float value_scale = detail::round_row<Backend, Type>(
      value, head_dim, [&](std::size_t d, element rounded) { value_row[d] = rounded; });
  std::memset(static_cast<void*>(value_row + head_dim), 0, (stride - head_dim) * sizeof(element));
  if constexpr (detail::has_scales<Type>) {
    detail::kv_scales(key_panel, head_dim)[column] = key_scale;
    detail::kv_scales(value_panel, stride)[column] = value_scale;
  }
}

}  // namespace tulu::kernel
