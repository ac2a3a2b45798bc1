#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/byte_level_parts.hpp>
#include <tulu/tokenizer/merge_rules.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/split_pattern.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The vocabulary in the metadata of a GGUF file, the keys tokenizer.ggml.*, as plain values.
struct gguf_vocabulary {
  std::string name;                 ///< the file, for messages
  std::string model;                ///< "llama" (SentencePiece) or "gpt2" (byte-level BPE)
  std::string pre;                  ///< how text is cut into words before byte-level BPE; empty when it is not said
  vocabulary pieces;                ///< GGUF's token types are piece_kind
  std::vector<std::string> merges;  ///< "a b", by rank
  /// `adds_bos` is what add_bos_token says, else what is usual.
  special_tokens special{};
  bool add_space_prefix = false;
  bool remove_extra_whitespaces = false;

  [[nodiscard]] bool is_sentencepiece() const noexcept { return model == "llama"; }
};

/// A name in tokenizer.ggml.pre and what it means.
struct gguf_pre_tokenizer {
  std::string_view name;
  split_pattern pattern = split_pattern::gpt2;
  bool ignore_merges = false;  ///< a word that is a piece becomes that piece
  bool adds_bos = false;       ///< unless the file says otherwise
};

/// The names known. "default" is what converters wrote before they knew the model's own.
inline constexpr gguf_pre_tokenizer gguf_pre_tokenizers[] = {
    {"default"},
    {"gpt-2"},
    {"gpt2"},
    {"llama-bpe", split_pattern::llama3, true, true},
    {"llama3", split_pattern::llama3, true, true},
    {"llama-v3", split_pattern::llama3, true, true},
    {"smollm", split_pattern::smollm},
    {"starcoder", split_pattern::smollm},
    {"qwen2", split_pattern::qwen2},
    {"deepseek-r1-qwen", split_pattern::qwen2},
};

/// What `pre` means, "default" when it is empty. Throws for a name that is not known; `file` stands in the message.
[[nodiscard]] inline const gguf_pre_tokenizer& find_gguf_pre_tokenizer(std::string_view pre, std::string_view file) {
  if (pre.empty()) return gguf_pre_tokenizers[0];
  std::string known;
  for (const gguf_pre_tokenizer& each : gguf_pre_tokenizers) {
    if (each.name == pre) return each;
    known.append(known.empty() ? "" : ", ").append(each.name);
  }
  throw mismatch_error(file, "tokenizer.ggml.pre", "one of " + known, '"' + printable(pre, 60) + '"');
}

namespace detail {

/// How many pieces there are without the tokens that Hugging Face's files put after those of a SentencePiece model.
[[nodiscard]] inline token_id count_own_pieces(const vocabulary& pieces) noexcept {
  auto count = static_cast<token_id>(pieces.size());
  const auto is_added = [&](token_id id) {
    const piece_kind kind = pieces.kind(id);
    return kind == piece_kind::control || kind == piece_kind::user_defined || kind == piece_kind::unused;
  };
  while (count > 0 && is_added(count - 1)) --count;
  return count;
}

/// The SentencePiece model of which `source` has the first `count` pieces: BPE without a map of characters, as LLaMA's.
/// Converters write blanks into user-defined pieces, which SentencePiece sees as U+2581.
[[nodiscard]] inline sentencepiece_model sentencepiece_model_of(const gguf_vocabulary& source, token_id count) {
  sentencepiece_model model;
  model.name = source.name;
  model.type = sentencepiece_model::algorithm::bpe;
  model.normalization.add_dummy_prefix = source.add_space_prefix;
  model.normalization.remove_extra_whitespaces = source.remove_extra_whitespaces;
  std::string marked;
  for (token_id id = 0; id < count; ++id) {
    // Of a model with added_tokens_decoder, llama.cpp's converter makes the unknown piece a control piece.
    const piece_kind kind = source.special.unk == id ? piece_kind::unknown : source.pieces.kind(id);
    std::string_view text = source.pieces.text(id);
    if (!std::isfinite(source.pieces.score(id)))
      throw mismatch_error(source.name, "tokenizer.ggml.scores[" + std::to_string(id) + "]", "a finite number",
                           std::to_string(source.pieces.score(id)));
    model.byte_fallback = model.byte_fallback || kind == piece_kind::byte;
    if (kind == piece_kind::user_defined && text.find(' ') != text.npos) {
      marked = text;
      for (std::size_t at; (at = marked.find(' ')) != std::string::npos;) marked.replace(at, 1, space_symbol);
      text = marked;
    }
    model.pieces.add(text, source.pieces.score(id), kind);
  }
  sentencepiece_checker{model}.check();
  model.bos_id = source.special.bos;
  model.eos_id = source.special.eos;
  model.pad_id = source.special.pad;
  return model;
}

/// What the files of Hugging Face beside the SentencePiece model of `source` would say: the special tokens by the ids
/// of `source`, the tokens from number `own` on as added ones. As without files, mode hf-legacy takes the special
/// tokens for plain strings.
[[nodiscard]] inline tokenizer_config tokenizer_config_of(const gguf_vocabulary& source, token_id own,
                                                          tokenizer_mode mode) {
  tokenizer_config config = default_tokenizer_config(mode);
  const added_token flags = config.special_tokens.at(0).token;
  config.special_tokens.clear();
  const auto name_token = [&](std::string_view key, std::optional<token_id> id) {
    if (!id) return;
    added_token token = flags;
    token.content = source.pieces.text(*id);
    config.special_tokens.push_back({std::string{key}, std::move(token)});
  };
  name_token("bos_token", source.special.bos);
  name_token("eos_token", source.special.eos);
  name_token("unk_token", source.special.unk);
  name_token("pad_token", source.special.pad);
  for (token_id id = own; id < source.pieces.size(); ++id) {
    const piece_kind kind = source.pieces.kind(id);
    if (kind == piece_kind::unused) continue;
    added_token token{.content = std::string{source.pieces.text(id)}, .id = id};
    token.special = kind == piece_kind::control;
    token.normalized = !token.special;
    config.added_tokens.push_back(std::move(token));
  }
  config.added_tokens_file = source.name;
  config.add_bos_token = source.special.adds_bos;
  config.add_prefix_space = source.add_space_prefix;
  return config;
}

/// The parts of byte-level BPE. In mode hf-fast special tokens are found in texts, as transformers does it (a GGUF file
/// does not say what tokenizer.json says of the blanks beside them: none are taken along); in mode spm their spelling
/// is text, and decoding them gives nothing. User-defined tokens are found in either.
[[nodiscard]] inline byte_level_parts byte_level_parts_of(const gguf_vocabulary& source, tokenizer_mode mode) {
  const gguf_pre_tokenizer& pre = find_gguf_pre_tokenizer(source.pre, source.name);
  const bool finds_special = mode == tokenizer_mode::hf_fast;
  byte_level_parts parts;
  parts.name = source.name;
  parts.pattern = pre.pattern;
  parts.ignore_merges = pre.ignore_merges;
  parts.add_prefix_space = source.add_space_prefix;
  parts.merges = merge_rules_of(source.pieces, source.merges, source.name, "tokenizer.ggml.merges");
  for (token_id id = 0; id < source.pieces.size(); ++id) {
    const piece_kind kind = source.pieces.kind(id);
    const std::string_view text = source.pieces.text(id);
    const bool special = kind == piece_kind::control || kind == piece_kind::unknown;
    parts.pieces.add(special && !finds_special ? std::string_view{} : text, 0, special ? piece_kind::control : kind);
    if (!special && kind != piece_kind::user_defined) continue;
    parts.not_in_model.push_back(id);
    if (special && !finds_special) continue;
    added_token token{.content = std::string{text}, .id = id};
    token.special = special;
    token.normalized = !special;
    parts.added_tokens.push_back(std::move(token));
  }
  return parts;
}

}  // namespace detail

}  // namespace tulu
