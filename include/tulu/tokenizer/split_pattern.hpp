#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tulu {

/// How byte-level BPE cuts a text into the words that merging stays in.
enum class split_pattern : std::uint8_t {
  none,    ///< not at all
  gpt2,    ///< the pre-tokenizer ByteLevel: GPT-2
  llama3,  ///< GPT-4's pattern as Llama 3 has it: numbers in groups of up to three digits
  qwen2,   ///< the same with each digit by itself
  smollm,  ///< Digits with individual digits, then GPT-2's pattern on what is between them: SmolLM, StarCoder
};

/// The regular expressions of the patterns as tokenizer.json files have them; none and smollm have none.
inline constexpr std::array<std::string_view, 5> split_pattern_texts{
    "", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    ""};

/// The pattern with this regular expression.
[[nodiscard]] constexpr std::optional<split_pattern> parse_split_pattern(std::string_view regex) noexcept {
  for (std::size_t i = 0; i < split_pattern_texts.size(); ++i)
    if (!regex.empty() && split_pattern_texts[i] == regex) return static_cast<split_pattern>(i);
  return std::nullopt;
}

}  // namespace tulu
