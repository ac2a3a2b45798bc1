#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace tulu {

/// The element types of LLaMA checkpoints. Floating types are computed with, the others are carried through.
enum class dtype { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

/// Names of one dtype: `safetensors` in headers and messages, `torch` in config.json and on command lines.
struct dtype_traits {
  dtype type;
  std::size_t bytes;
  std::string_view safetensors;
  std::string_view torch;
};

inline constexpr std::array<dtype_traits, 13> dtypes{{
    {dtype::boolean, 1, "BOOL", "bool"},
    {dtype::u8, 1, "U8", "uint8"},
    {dtype::i8, 1, "I8", "int8"},
    {dtype::u16, 2, "U16", "uint16"},
    {dtype::i16, 2, "I16", "int16"},
    {dtype::u32, 4, "U32", "uint32"},
    {dtype::i32, 4, "I32", "int32"},
    {dtype::u64, 8, "U64", "uint64"},
    {dtype::i64, 8, "I64", "int64"},
    {dtype::f16, 2, "F16", "float16"},
    {dtype::bf16, 2, "BF16", "bfloat16"},
    {dtype::f32, 4, "F32", "float32"},
    {dtype::f64, 8, "F64", "float64"},
}};

[[nodiscard]] constexpr const dtype_traits& traits(dtype type) noexcept {
  return dtypes[static_cast<std::size_t>(type)];
}

[[nodiscard]] constexpr std::size_t size_of(dtype type) noexcept {
  return traits(type).bytes;
}

/// The safetensors name, "F16".
[[nodiscard]] constexpr std::string_view name(dtype type) noexcept {
  return traits(type).safetensors;
}

/// True for the types that recover adds in float32: F16, BF16, F32.
[[nodiscard]] constexpr bool is_summable(dtype type) noexcept {
  return type == dtype::f16 || type == dtype::bf16 || type == dtype::f32;
}

/// The dtype of a safetensors name ("BF16"), or nothing.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_safetensors(std::string_view text) noexcept {
  for (const dtype_traits& row : dtypes)
    if (row.safetensors == text) return row.type;
  return std::nullopt;
}

/// The dtype of a torch name without its "torch." ("bfloat16"), or nothing.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_torch(std::string_view text) noexcept {
  for (const dtype_traits& row : dtypes)
    if (row.torch == text) return row.type;
  return std::nullopt;
}

}  // namespace tulu
