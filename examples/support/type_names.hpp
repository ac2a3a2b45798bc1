#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <tulu/tensor/dtype.hpp>

/// The names of types on the command lines.
namespace cli {

inline constexpr std::array<std::string_view, 6> plain_types{"float32", "float16", "bfloat16", "f32", "f16", "bf16"};

/// The block types that are written: to GGUF and in memory, not to safetensors.
inline constexpr std::array<std::string_view, 4> quantised_types{"q8_0", "q4_0", "q4_k", "q6_k"};

/// auto and all of them.
[[nodiscard]] inline std::vector<std::string_view> auto_and_all_types() {
  std::vector<std::string_view> types{"auto"};
  types.insert(types.end(), plain_types.begin(), plain_types.end());
  types.insert(types.end(), quantised_types.begin(), quantised_types.end());
  return types;
}

/// The dtype of one of `plain_types` or `quantised_types`; nothing for another name, such as auto.
[[nodiscard]] inline std::optional<tulu::dtype> parse_type(std::string_view name) {
  if (name == "f32") return tulu::dtype::f32;
  if (name == "f16") return tulu::dtype::f16;
  if (name == "bf16") return tulu::dtype::bf16;
  if (const auto type = tulu::block_dtype(name)) return type;
  return tulu::dtype_from_torch(name);
}

}  // namespace cli
