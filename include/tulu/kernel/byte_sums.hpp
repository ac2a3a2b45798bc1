#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/kernel/product_scalar.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::kernel::detail {

/// The sum and the products of levels of `Bits` bits, without sign, with bytes of tokens.
template <class Backend, std::size_t Bits>
[[nodiscard]] typename Backend::i32 dot_levels(typename Backend::i32 sum, typename Backend::bytes levels,
                                               typename Backend::bytes token) noexcept {
  if constexpr (Bits < 8)
    return Backend::dot_u7s8(sum, levels, token);
  else
    return Backend::dot_u8s8(sum, levels, token);
}

/// Sums of products of levels with bytes of tokens, over as many quads as their bits allow.
template <class Backend, std::size_t Bits, std::size_t Quads>
struct byte_sums {
  static constexpr std::size_t quads = Quads;
  using sum = typename Backend::i32;
  static sum zero() noexcept { return Backend::set_i32(0); }
  static sum add(sum before, typename Backend::bytes levels, typename Backend::bytes token) noexcept {
    return dot_levels<Backend, Bits>(before, levels, token);
  }
  static sum total(sum of) noexcept { return of; }
};

/// Two products each in 16 bits, where there is no instruction for four.
template <class Backend, std::size_t Bits, std::size_t Quads>
requires(has_word_products<Backend>&& byte_product_bits<Backend> == 0) struct byte_sums<Backend, Bits, Quads> {
  static constexpr std::size_t most = INT16_MAX / (2 * 127 * ((1 << Bits) - 1));
  static constexpr std::size_t quads = most >= Quads ? Quads : 4;
  static_assert(quads <= most);
  using sum = typename Backend::pairs;
  static sum zero() noexcept { return Backend::zero_words(); }
  static sum add(sum before, typename Backend::bytes levels, typename Backend::bytes token) noexcept {
    return Backend::dot_bytes(before, levels, token);
  }
  static typename Backend::i32 total(sum of) noexcept { return Backend::sum_words(of); }
};

}  // namespace tulu::kernel::detail
