#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/product_scalar.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/scalar/bf16.hpp>

namespace tulu::kernel {

/// What tokens are packed as to be multiplied with weights in panels: elements of a type, or token_groups in words or
/// in bytes.
enum class panel_form : std::uint8_t { f32, bf16, words, bytes };
inline constexpr std::size_t panel_forms = 4;

/// Bytes of 32 columns of a packed token.
[[nodiscard]] constexpr std::size_t form_bytes(panel_form form) noexcept {
  switch (form) {
    case panel_form::f32:
      return panel_group * sizeof(float);
    case panel_form::bf16:
      return panel_group * sizeof(bf16);
    default:
      return sizeof(token_group);
  }
}

namespace detail {

/// Bits of the levels that many tokens are multiplied with as bytes: without an instruction that sums four products in
/// 32 bits, those of which enough products fit 16 bits.
template <class Backend>
inline constexpr std::size_t most_byte_bits = [] {
  if constexpr (byte_product_bits<Backend> != 0) return byte_product_bits<Backend>;
  return std::size_t{has_word_products<Backend> ? 5 : 0};
}();

/// The form of many tokens for this backend and the blocks of this type.
template <class Backend, class Weight>
inline constexpr panel_form form_of = [] {
  if (has_tiles<Backend>) return panel_form::bf16;
  if (panel_format<Weight>::bits <= most_byte_bits<Backend>) return panel_form::bytes;
  return has_word_products<Backend> ? panel_form::words : panel_form::f32;
}();

/// The form of few tokens: words, or bytes even where their products take several instructions.
template <class Backend, class Weight>
inline constexpr panel_form few_form_of =
    has_word_products<Backend>&& panel_format<Weight>::bits > most_byte_bits<Backend> ? panel_form::words
                                                                                      : panel_form::bytes;

}  // namespace detail

}  // namespace tulu::kernel
