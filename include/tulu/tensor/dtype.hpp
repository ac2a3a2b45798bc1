#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace tulu {

/// The element types of LLaMA checkpoints. Floating types are computed with; the block types, from `q4_0` on, hold
/// weights of a row in groups that share a scale (ggml's types of these names); the others are carried through.
enum class dtype {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
};

/// Names of one dtype: `safetensors` in headers and messages, `torch` in config.json and on command lines. Elements are
/// stored in blocks of `block` (1 but for the block types), which take `bytes` and need an `alignment`.
struct dtype_traits {
  dtype type;
  std::size_t bytes;
  std::size_t block;
  std::size_t alignment;
  std::string_view safetensors;
  std::string_view torch;
};

inline constexpr std::array<dtype_traits, 22> dtypes{{
    {dtype::boolean, 1, 1, 1, "BOOL", "bool"},  {dtype::u8, 1, 1, 1, "U8", "uint8"},
    {dtype::i8, 1, 1, 1, "I8", "int8"},         {dtype::u16, 2, 1, 2, "U16", "uint16"},
    {dtype::i16, 2, 1, 2, "I16", "int16"},      {dtype::u32, 4, 1, 4, "U32", "uint32"},
    {dtype::i32, 4, 1, 4, "I32", "int32"},      {dtype::u64, 8, 1, 8, "U64", "uint64"},
    {dtype::i64, 8, 1, 8, "I64", "int64"},      {dtype::f16, 2, 1, 2, "F16", "float16"},
    {dtype::bf16, 2, 1, 2, "BF16", "bfloat16"}, {dtype::f32, 4, 1, 4, "F32", "float32"},
    {dtype::f64, 8, 1, 8, "F64", "float64"},    {dtype::q4_0, 18, 32, 2, "Q4_0", "q4_0"},
    {dtype::q4_1, 20, 32, 2, "Q4_1", "q4_1"},   {dtype::q5_0, 22, 32, 2, "Q5_0", "q5_0"},
    {dtype::q5_1, 24, 32, 2, "Q5_1", "q5_1"},   {dtype::q8_0, 34, 32, 2, "Q8_0", "q8_0"},
    {dtype::q4_k, 144, 256, 2, "Q4_K", "q4_k"}, {dtype::q5_k, 176, 256, 2, "Q5_K", "q5_k"},
    {dtype::q6_k, 210, 256, 2, "Q6_K", "q6_k"}, {dtype::iq4_nl, 18, 32, 2, "IQ4_NL", "iq4_nl"},
}};

[[nodiscard]] constexpr const dtype_traits& traits(dtype type) noexcept {
  return dtypes[static_cast<std::size_t>(type)];
}

/// The elements of one block: 1 for types that are not block types.
[[nodiscard]] constexpr std::size_t block_of(dtype type) noexcept {
  return traits(type).block;
}

[[nodiscard]] constexpr bool is_block_type(dtype type) noexcept {
  return block_of(type) != 1;
}

/// The bytes of one element, of a type that is no block type.
[[nodiscard]] constexpr std::size_t size_of(dtype type) noexcept {
  return traits(type).bytes;
}

/// The bytes of `count` elements, a multiple of block_of(type). The caller has checked that they fit std::size_t.
[[nodiscard]] constexpr std::size_t bytes_of(dtype type, std::size_t count) noexcept {
  return count / block_of(type) * traits(type).bytes;
}

/// What the address of an element or block has to be a multiple of.
[[nodiscard]] constexpr std::size_t alignment_of(dtype type) noexcept {
  return traits(type).alignment;
}

/// The safetensors name, "F16".
[[nodiscard]] constexpr std::string_view name(dtype type) noexcept {
  return traits(type).safetensors;
}

/// True for the types that recover adds in float32: F16, BF16, F32.
[[nodiscard]] constexpr bool is_summable(dtype type) noexcept {
  return type == dtype::f16 || type == dtype::bf16 || type == dtype::f32;
}

/// True for the types of weights that a model computes with: the summable ones and the block types.
[[nodiscard]] constexpr bool is_weight_type(dtype type) noexcept {
  return is_summable(type) || is_block_type(type);
}

/// The dtype of a safetensors name ("BF16"), or nothing. The block types are none of safetensors'.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_safetensors(std::string_view text) noexcept {
  for (const dtype_traits& row : dtypes)
    if (row.block == 1 && row.safetensors == text) return row.type;
  return std::nullopt;
}

/// The dtype of a torch name without its "torch." ("bfloat16"), or nothing.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_torch(std::string_view text) noexcept {
  for (const dtype_traits& row : dtypes)
    if (row.block == 1 && row.torch == text) return row.type;
  return std::nullopt;
}

/// The block type of a name on the command line ("q4_k"), or nothing.
[[nodiscard]] constexpr std::optional<dtype> block_dtype(std::string_view text) noexcept {
  for (const dtype_traits& row : dtypes)
    if (row.block != 1 && row.torch == text) return row.type;
  return std::nullopt;
}

}  // namespace tulu
