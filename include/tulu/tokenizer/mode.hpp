#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tulu {

/// Whose ids a tokenizer gives. The four differ round special tokens and blanks; between them, on text without either,
/// they agree for LLaMA's vocabulary.
enum class tokenizer_mode : std::uint8_t {
  /// SentencePiece itself: special strings such as `</s>` in the text are text.
  spm,
  /// The slow LlamaTokenizer of transformers 4.30, with which Tulu, Alpaca and Vicuna v1 were trained: the text is
  /// split at special tokens, each part gets its own dummy prefix, and whitespace round a special token that was given
  /// as a plain string is dropped.
  hf_legacy,
  /// The slow LlamaTokenizer of transformers 4.40 with legacy=False: one dummy prefix, none after a special token.
  hf,
  /// The pipeline of tokenizer.json as tokenizers 0.19 runs it.
  hf_fast,
};

/// The names on the command line, in the order of the enumeration.
inline constexpr std::array<std::string_view, 4> tokenizer_mode_names{"spm", "hf-legacy", "hf", "hf-fast"};

[[nodiscard]] constexpr std::string_view name_of(tokenizer_mode mode) noexcept {
  return tokenizer_mode_names[static_cast<std::size_t>(mode)];
}

[[nodiscard]] constexpr std::optional<tokenizer_mode> parse_tokenizer_mode(std::string_view name) noexcept {
  for (std::size_t i = 0; i < tokenizer_mode_names.size(); ++i)
    if (tokenizer_mode_names[i] == name) return static_cast<tokenizer_mode>(i);
  return std::nullopt;
}

}  // namespace tulu
