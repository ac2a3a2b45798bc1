#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <tulu/scalar/traits.hpp>

namespace tulu::simd {

/// What a backend does with elements of type T: `load` reads `lanes` of them as floats, `load_two` twice as many into
/// two registers in the order that costs least, `arrange` puts two registers of floats into that order, `store` rounds
/// a register of floats to elements, exactly as to_float and from_float do. The pointers need the alignment of T only.
template <class B, class T>
concept backend_for = weight_scalar<T> && requires(const T* from, T* to, typename B::f32 value, typename B::f32 other) {
  { B::load(from) }
  noexcept->std::same_as<typename B::f32>;
  { B::load_two(from, value, other) }
  noexcept;
  { B::template arrange<T>(value, other) }
  noexcept;
  { B::store(to, value) }
  noexcept;
};

/// A set of SIMD operations: a type with `name`, `lanes` floats in a register `f32`, and static functions on it. All
/// functions are members of the backend or templates over it, so that code built with other compiler flags has other
/// symbols.
template <class B>
concept backend = backend_for<B, float> && backend_for<B, f16> && backend_for<B, bf16> &&
    requires(typename B::f32 a, typename B::f32 b) {
  { B::name } -> std::convertible_to<const char*>;
  { B::lanes } -> std::convertible_to<std::size_t>;
  { B::add(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::sub(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::mul(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::div(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::max(a, b) }
  noexcept->std::same_as<typename B::f32>;
  { B::fma(a, b, a) }  // a × b + a, rounded once where the processor and the compiler can
  noexcept->std::same_as<typename B::f32>;
  { B::exp(a) }  // within 2 units in the last place from -87 to 88, at most 2^-126 below, perhaps infinite above
  noexcept->std::same_as<typename B::f32>;
  { B::set(1.0f) }
  noexcept->std::same_as<typename B::f32>;
  { B::sum(a) }  // of the elements, in an order of the backend's own
  noexcept->std::same_as<float>;
  { B::tile_rows } -> std::convertible_to<std::size_t>;       // of the block of products that fits the registers:
  { B::tile_registers } -> std::convertible_to<std::size_t>;  // rows of weights × registers of tokens
};

/// Products of 16-bit and 8-bit elements, and 4-bit ones made bytes. Each lane takes the two elements of a register of
/// `pairs`, or the four of a register of `bytes`, that lie where it does: the elements of `lanes` lanes follow each
/// other in memory, without a need for alignment. portable.hpp says what is computed. A backend whose dot_u8s8 is one
/// instruction has `byte_product_bits` of 8, and one of 7 if only its dot_u7s8 is.
template <class B>
concept dot_backend = backend<B> &&
    requires(typename B::f32 f, typename B::i32 i, typename B::pairs p, typename B::bytes b, const bf16* bf16s,
             const std::uint8_t* u8s, const std::int8_t* s8s, std::uint8_t* to) {
  { B::load_pairs(bf16s) }
  noexcept->std::same_as<typename B::pairs>;
  { B::set_pair(bf16s) }  // the same two for each lane
  noexcept->std::same_as<typename B::pairs>;
  { B::dot_bf16(f, p, p) }
  noexcept->std::same_as<typename B::f32>;
  { B::load_bytes(u8s) }
  noexcept->std::same_as<typename B::bytes>;
  { B::load_bytes(s8s) }
  noexcept->std::same_as<typename B::bytes>;
  { B::set_bytes(s8s) }  // the same four for each lane
  noexcept->std::same_as<typename B::bytes>;
  { B::store_bytes(to, b) }
  noexcept;
  { B::dot_u8s8(i, b, b) }
  noexcept->std::same_as<typename B::i32>;
  { B::dot_u7s8(i, b, b) }  // the same for bytes up to 127
  noexcept->std::same_as<typename B::i32>;
  { B::template byte_of<3>(b) }  // that one of each lane's four, without sign
  noexcept->std::same_as<typename B::i32>;
  { B::either(b, b) }
  noexcept->std::same_as<typename B::bytes>;
  { B::template bits_up<4>(b, std::uint8_t{}) }  // each byte shifted, then what the mask lets pass
  noexcept->std::same_as<typename B::bytes>;
  { B::template bits_down<4>(b, std::uint8_t{}) }
  noexcept->std::same_as<typename B::bytes>;
  { B::low_nibbles(b) }
  noexcept->std::same_as<typename B::bytes>;
  { B::high_nibbles(b) }
  noexcept->std::same_as<typename B::bytes>;
  { B::widen(u8s) }  // `lanes` bytes, each as an integer; i32 has &, |, + and -
  noexcept->std::same_as<typename B::i32>;
  { B::widen(s8s) }
  noexcept->std::same_as<typename B::i32>;
  { B::template shift_right<4>(i) }  // of integers that are not negative
  noexcept->std::same_as<typename B::i32>;
  { B::template shift_left<4>(i) }
  noexcept->std::same_as<typename B::i32>;
  { B::set_i32(std::int32_t{}) }
  noexcept->std::same_as<typename B::i32>;
  { B::to_f32(i) }
  noexcept->std::same_as<typename B::f32>;
};

/// Products of words, signed elements of 16 bits, two to a lane in a register of `pairs`: for backends that multiply
/// them faster than floats, as `has_word_products` says, and bytes only with sums of two in a word.
template <class B>
concept word_backend = dot_backend<B> && B::has_word_products &&
    requires(typename B::i32 i, typename B::pairs p, typename B::bytes b, const std::int8_t* s8s,
             const std::int16_t* from, std::int16_t* to) {
  { B::load_pairs(from) }
  noexcept->std::same_as<typename B::pairs>;
  { B::set_pair(s8s) }  // the same four bytes for each lane
  noexcept->std::same_as<typename B::pairs>;
  { B::store_words(to, p) }
  noexcept;
  { B::zero_words() }
  noexcept->std::same_as<typename B::pairs>;
  { B::dot_bytes(p, b, b) }  // p + u[0] × s[0] + u[1] × s[1], and the like of elements 2 and 3, where each fits 16 bits
  noexcept->std::same_as<typename B::pairs>;
  { B::sum_words(p) }  // of the two words of each lane
  noexcept->std::same_as<typename B::i32>;
  { B::even_words(b) }  // elements 0 and 2 of each lane's four, without sign
  noexcept->std::same_as<typename B::pairs>;
  { B::odd_words(b) }  // elements 1 and 3
  noexcept->std::same_as<typename B::pairs>;
  { B::sub_words(p, std::int16_t{}) }
  noexcept->std::same_as<typename B::pairs>;
  { B::mul_words(p, i) }  // each with the lower 16 bits of its lane of i
  noexcept->std::same_as<typename B::pairs>;
  { B::dot_words(i, p, p) }  // i + a[0] × b[0] + a[1] × b[1], exact modulo 2^32
  noexcept->std::same_as<typename B::i32>;
};

}  // namespace tulu::simd
