#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/read_gguf_vocabulary.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tokenizer/byte_level_pipeline.hpp>
#include <tulu/tokenizer/gguf_vocabulary.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/slow_pipeline.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace tulu {

namespace detail {

[[nodiscard]] inline tokenizer make_gguf_sentencepiece(const gguf_vocabulary& source, tokenizer_mode mode) {
  if (mode == tokenizer_mode::spm) {
    sentencepiece_model model = sentencepiece_model_of(source, static_cast<token_id>(source.pieces.size()));
    auto made = std::make_shared<const sentencepiece_pipeline>(model);
    return {source.name, mode, std::move(model.pieces), source.special, std::move(made)};
  }
  const token_id own = count_own_pieces(source.pieces);
  std::shared_ptr<const slow_pipeline> made =
      make_slow_pipeline(sentencepiece_model_of(source, own), tokenizer_config_of(source, own, mode), mode);
  return {source.name, mode, made->pieces(), source.special, made};
}

[[nodiscard]] inline tokenizer make_gguf_byte_level(const gguf_vocabulary& source, tokenizer_mode mode) {
  std::vector<std::string> warnings;
  if (source.pre.empty() || source.pre == "default")
    warnings.push_back(source.name + ": tokenizer.ggml.pre does not say how text is cut into words: taken for GPT-2's");
  auto made = std::make_shared<const byte_level_pipeline>(byte_level_parts_of(source, mode));
  return {source.name, mode, source.pieces, source.special, std::move(made), std::move(warnings)};
}

}  // namespace detail

/// The tokenizer of a GGUF file. A SentencePiece vocabulary has the modes spm (without `mode`), hf-legacy and hf, a
/// byte-level one hf-fast (without `mode`) and spm. The ids are those of the files that it was converted from, where
/// GGUF says enough: it has no map of characters (LLaMA has none either) and no normalizer (Qwen2 puts text into NFC
/// first).
[[nodiscard]] inline tokenizer load_gguf_tokenizer(const checkpoint::gguf_metadata& metadata,
                                                   std::optional<tokenizer_mode> mode = std::nullopt) {
  const gguf_vocabulary source = read_gguf_vocabulary(metadata);
  const bool llama = source.is_sentencepiece();
  const tokenizer_mode chosen = mode.value_or(llama ? tokenizer_mode::spm : tokenizer_mode::hf_fast);
  const bool fits = chosen == tokenizer_mode::spm || llama == (chosen != tokenizer_mode::hf_fast);
  if (!fits)
    throw mismatch_error(source.name, "", llama ? "mode spm, hf-legacy or hf" : "mode hf-fast or spm",
                         std::string{name_of(chosen)} + ", as tokenizer.ggml.model is \"" + source.model + "\"");
  return llama ? detail::make_gguf_sentencepiece(source, chosen) : detail::make_gguf_byte_level(source, chosen);
}

}  // namespace tulu
