#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/tensor/dtype.hpp>

namespace tulu::checkpoint {

/// A tensor type of GGUF: ggml's number and name for it, and the dtype, if it is one that is read here.
struct ggml_type {
  std::uint32_t number;
  std::string_view name;
  std::optional<dtype> type;
};

/// ggml.h, enum ggml_type (of 2025-08). The removed ones are named for the sake of messages.
inline constexpr std::array<ggml_type, 40> ggml_types{{
    {0, "F32", dtype::f32},
    {1, "F16", dtype::f16},
    {2, "Q4_0", dtype::q4_0},
    {3, "Q4_1", dtype::q4_1},
    {4, "Q4_2 (removed)", std::nullopt},
    {5, "Q4_3 (removed)", std::nullopt},
    {6, "Q5_0", dtype::q5_0},
    {7, "Q5_1", dtype::q5_1},
    {8, "Q8_0", dtype::q8_0},
    {9, "Q8_1", std::nullopt},
    {10, "Q2_K", std::nullopt},
    {11, "Q3_K", std::nullopt},
    {12, "Q4_K", dtype::q4_k},
    {13, "Q5_K", dtype::q5_k},
    {14, "Q6_K", dtype::q6_k},
    {15, "Q8_K", std::nullopt},
    {16, "IQ2_XXS", std::nullopt},
    {17, "IQ2_XS", std::nullopt},
    {18, "IQ3_XXS", std::nullopt},
    {19, "IQ1_S", std::nullopt},
    {20, "IQ4_NL", dtype::iq4_nl},
    {21, "IQ3_S", std::nullopt},
    {22, "IQ2_S", std::nullopt},
    {23, "IQ4_XS", std::nullopt},
    {24, "I8", dtype::i8},
    {25, "I16", dtype::i16},
    {26, "I32", dtype::i32},
    {27, "I64", dtype::i64},
    {28, "F64", dtype::f64},
    {29, "IQ1_M", std::nullopt},
    {30, "BF16", dtype::bf16},
    {31, "Q4_0_4_4 (removed)", std::nullopt},
    {32, "Q4_0_4_8 (removed)", std::nullopt},
    {33, "Q4_0_8_8 (removed)", std::nullopt},
    {34, "TQ1_0", std::nullopt},
    {35, "TQ2_0", std::nullopt},
    {36, "IQ4_NL_4_4 (removed)", std::nullopt},
    {37, "IQ4_NL_4_8 (removed)", std::nullopt},
    {38, "IQ4_NL_8_8 (removed)", std::nullopt},
    {39, "MXFP4", std::nullopt},
}};

/// The dtype of ggml's number, or nothing when it is unknown or not supported.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_ggml(std::uint32_t number) noexcept {
  return number < ggml_types.size() ? ggml_types[number].type : std::nullopt;
}

/// ggml's number of a dtype, or nothing for one that ggml does not have.
[[nodiscard]] constexpr std::optional<std::uint32_t> ggml_number(dtype type) noexcept {
  for (const ggml_type& row : ggml_types)
    if (row.type == type) return row.number;
  return std::nullopt;
}

/// "Q2_K (type 10)", "type 99", for messages.
[[nodiscard]] inline std::string describe_ggml_type(std::uint32_t number) {
  const std::string text = "type " + std::to_string(number);
  return number < ggml_types.size() ? std::string{ggml_types[number].name} + " (" + text + ")" : text;
}

}  // namespace tulu::checkpoint
