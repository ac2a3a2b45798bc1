#pragma once

#include <cstddef>
#include <cstdint>

#include <tulu/scalar/traits.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::test {

/// The operations of a word_backend, see operation_table.
struct word_operation_table {
  /// dot_words of ((u - middle) × factor) with the words of eight bytes, the even elements' before the odd ones'.
  void (*words)(const std::uint8_t* u, std::int16_t middle, const std::int8_t* factors, const std::int8_t* eight,
                float* out, std::size_t n) noexcept;
  /// sum_words of dot_bytes of u with the same four twice.
  void (*bytes)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
};

/// The operations of one backend over arrays, for the tests of simd/: compiled once for each backend with its flags.
/// `n` is a number of lanes, a multiple of the backend's. No standard library here: see cmake/backends/backend.cpp.in.
struct operation_table {
  using unary = void (*)(const float* in, float* out, std::size_t n) noexcept;
  using binary = void (*)(const float* a, const float* b, float* out, std::size_t n) noexcept;
  using ternary = void (*)(const float* a, const float* b, const float* c, float* out, std::size_t n) noexcept;
  using tile_product = void (*)(const bf16* x, std::size_t x_stride, const bf16* panels, std::size_t panel_stride,
                                std::size_t panel_count, std::size_t depth, float* y, std::size_t y_stride,
                                bool add) noexcept;

  const char* name;
  std::size_t lanes;
  binary add, sub, mul, div, max;
  ternary fma;
  unary exp;
  unary sum;  ///< one result for each register
  void (*dot_bf16)(float sum, const bf16* a, const bf16* b, float* out, std::size_t n) noexcept;
  void (*dot_bf16_pair)(float sum, const bf16* a, const bf16* pair, float* out, std::size_t n) noexcept;
  void (*dot_u8s8)(std::int32_t sum, const std::uint8_t* u, const std::int8_t* s, float* out, std::size_t n) noexcept;
  void (*dot_u8s8_four)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  /// dot_u8s8 of the nibbles of u with the same four.
  void (*low_nibbles)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  void (*high_nibbles)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  void (*dot_u7s8_four)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  /// dot_u8s8 of the bytes after bits_up<3> with the mask 0x58, bits_down<3> with 0x0b, and either of the two.
  void (*up)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  void (*down)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  void (*either)(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept;
  const word_operation_table* words;                                               ///< null if the backend has none
  void (*copy)(const std::uint8_t* u, std::uint8_t* out, std::size_t n) noexcept;  ///< load_bytes, store_bytes
  void (*byte_of[4])(const std::uint8_t* u, float* out, std::size_t n) noexcept;
  tile_product tiles_of_16_tokens, tiles_of_32_tokens;  ///< null if the backend has none
};

namespace detail {

template <class B>
struct operations;

template <simd::word_backend B>
inline constexpr word_operation_table word_operations{&operations<B>::multiply_words, &operations<B>::multiply_bytes};

template <class B>
struct operations {
  template <auto Operation>
  static void two(const float* a, const float* b, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) B::store(out + i, Operation(B::load(a + i), B::load(b + i)));
  }
  static void fma(const float* a, const float* b, const float* c, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::fma(B::load(a + i), B::load(b + i), B::load(c + i)));
  }
  static void exp(const float* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) B::store(out + i, B::exp(B::load(in + i)));
  }
  static void sum(const float* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) *out++ = B::sum(B::load(in + i));
  }
  static void dot_bf16(float sum, const bf16* a, const bf16* b, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::dot_bf16(B::set(sum), B::load_pairs(a + 2 * i), B::load_pairs(b + 2 * i)));
  }
  static void dot_bf16_pair(float sum, const bf16* a, const bf16* pair, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::dot_bf16(B::set(sum), B::load_pairs(a + 2 * i), B::set_pair(pair)));
  }
  static void dot_u8s8(std::int32_t sum, const std::uint8_t* u, const std::int8_t* s, float* out,
                       std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::to_f32(B::dot_u8s8(B::set_i32(sum), B::load_bytes(u + 4 * i), B::load_bytes(s + 4 * i))));
  }
  template <auto Nibbles>
  static void with_four(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) {
      const auto bytes = Nibbles(B::load_bytes(u + 4 * i));
      B::store(out + i, B::to_f32(B::dot_u8s8(B::set_i32(0), bytes, B::set_bytes(four))));
    }
  }
  static void dot_u7s8(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::to_f32(B::dot_u7s8(B::set_i32(0), B::load_bytes(u + 4 * i), B::set_bytes(four))));
  }
  static typename B::bytes up(typename B::bytes a) noexcept { return B::template bits_up<3>(a, 0x58); }
  static typename B::bytes down(typename B::bytes a) noexcept { return B::template bits_down<3>(a, 0x0b); }
  static typename B::bytes either(typename B::bytes a) noexcept { return B::either(up(a), down(a)); }
  static void multiply_words(const std::uint8_t* u, std::int16_t middle, const std::int8_t* factors,
                             const std::int8_t* eight, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) {
      const auto bytes = B::load_bytes(u + 4 * i);
      const auto factor = B::widen(factors + i);
      std::int16_t even[2 * B::lanes], odd[2 * B::lanes];
      B::store_words(even, B::mul_words(B::sub_words(B::even_words(bytes), middle), factor));
      B::store_words(odd, B::mul_words(B::sub_words(B::odd_words(bytes), middle), factor));
      const auto sum = B::dot_words(B::set_i32(0), B::load_pairs(even), B::set_pair(eight));
      B::store(out + i, B::to_f32(B::dot_words(sum, B::load_pairs(odd), B::set_pair(eight + 4))));
    }
  }
  static void multiply_bytes(const std::uint8_t* u, const std::int8_t* four, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) {
      const auto bytes = B::load_bytes(u + 4 * i), token = B::set_bytes(four);
      B::store(out + i,
               B::to_f32(B::sum_words(B::dot_bytes(B::dot_bytes(B::zero_words(), bytes, token), bytes, token))));
    }
  }
  static constexpr const word_operation_table* words() noexcept {
    if constexpr (simd::word_backend<B>)
      return &word_operations<B>;
    else
      return nullptr;
  }
  static void copy(const std::uint8_t* u, std::uint8_t* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes) B::store_bytes(out + 4 * i, B::load_bytes(u + 4 * i));
  }
  template <int Index>
  static void byte_of(const std::uint8_t* u, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; i += B::lanes)
      B::store(out + i, B::to_f32(B::template byte_of<Index>(B::load_bytes(u + 4 * i))));
  }
  template <std::size_t Tokens>
  static void multiply_tiles(const bf16* x, std::size_t x_stride, const bf16* panels, std::size_t panel_stride,
                             std::size_t panel_count, std::size_t depth, float* y, std::size_t y_stride,
                             bool add) noexcept {
    using tiles = typename B::tiles;
    tiles::configure();
    tiles::template multiply<Tokens>(x, x_stride, panels, panel_stride, panel_count, depth, y, y_stride, add, x);
    tiles::release();
  }
  template <std::size_t Tokens>
  static constexpr operation_table::tile_product tile_product() noexcept {
    if constexpr (requires { typename B::tiles; })
      return &multiply_tiles<Tokens>;
    else
      return nullptr;
  }
  static typename B::bytes same(typename B::bytes a) noexcept { return a; }

  static constexpr operation_table table{B::name,
                                         B::lanes,
                                         &two<&B::add>,
                                         &two<&B::sub>,
                                         &two<&B::mul>,
                                         &two<&B::div>,
                                         &two<&B::max>,
                                         &fma,
                                         &exp,
                                         &sum,
                                         &dot_bf16,
                                         &dot_bf16_pair,
                                         &dot_u8s8,
                                         &with_four<&same>,
                                         &with_four<&B::low_nibbles>,
                                         &with_four<&B::high_nibbles>,
                                         &dot_u7s8,
                                         &with_four<&up>,
                                         &with_four<&down>,
                                         &with_four<&either>,
                                         words(),
                                         &copy,
                                         {&byte_of<0>, &byte_of<1>, &byte_of<2>, &byte_of<3>},
                                         tile_product<16>(),
                                         tile_product<32>()};
};

}  // namespace detail

template <simd::dot_backend Backend>
[[nodiscard]] const operation_table& operations_for() noexcept {
  return detail::operations<Backend>::table;
}

}  // namespace tulu::test
