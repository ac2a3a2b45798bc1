#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_config.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tokenizer/gguf_vocabulary.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

namespace detail {

/// Reads the keys tokenizer.ggml.* of one file.
class gguf_vocabulary_reader {
 public:
  explicit gguf_vocabulary_reader(const checkpoint::gguf_metadata& metadata) : metadata_{metadata} {}

  [[nodiscard]] gguf_vocabulary read() {
    out_.name = metadata_.path().string();
    out_.model = metadata_.required<std::string>(key("model"));
    if (out_.model != "llama" && out_.model != "gpt2")
      throw metadata_.mismatch(key("model"), "\"llama\" or \"gpt2\"", '"' + printable(out_.model, 60) + '"');
    out_.pre = metadata_.get<std::string>(key("pre")).value_or("");
    read_pieces();
    read_special();
    const bool llama = out_.is_sentencepiece();
    out_.add_space_prefix = metadata_.get<bool>(key("add_space_prefix")).value_or(llama);
    out_.remove_extra_whitespaces = metadata_.get<bool>(key("remove_extra_whitespaces")).value_or(false);
    if (!llama) out_.merges = metadata_.required<std::vector<std::string>>(key("merges"));
    return std::move(out_);
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{1} << 30;

  [[nodiscard]] static std::string key(std::string_view name) { return std::string{"tokenizer.ggml."}.append(name); }

  void read_pieces() {
    const auto texts = metadata_.required<std::vector<std::string_view>>(key("tokens"));
    if (const std::size_t bytes = metadata_.find(key("tokens"))->bytes().size(); bytes > most_bytes)
      throw metadata_.mismatch(key("tokens"), "tokens of at most 1 GiB", std::to_string(bytes) + " bytes");
    const auto scores = list<float>("scores", texts.size());
    const auto types = list<std::int32_t>("token_type", texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::int32_t type = types.empty() ? 1 : types[i];
      if (type < 1 || type > 6)
        throw metadata_.mismatch(key("token_type") + "[" + std::to_string(i) + "]", "a type from 1 to 6",
                                 std::to_string(type));
      out_.pieces.add(texts[i], scores.empty() ? 0.0f : scores[i], static_cast<piece_kind>(type));
    }
  }
  /// One number for each token; empty when there is no such key.
  template <class T>
  [[nodiscard]] std::vector<T> list(std::string_view name, std::size_t count) const {
    auto values = metadata_.get<std::vector<T>>(key(name));
    if (!values) return {};
    if (values->size() != count)
      throw metadata_.mismatch(key(name), std::to_string(count) + " numbers, one for each token",
                               std::to_string(values->size()));
    return std::move(*values);
  }

  void read_special() {
    special_tokens& special = out_.special;
    special.bos = token("bos_token_id", 1);
    special.eos = token("eos_token_id", 2);
    special.unk = token("unknown_token_id", 0);
    special.pad = token("padding_token_id", std::nullopt);
    special.eot = token("eot_token_id", std::nullopt);
    const bool usual = out_.is_sentencepiece() || find_gguf_pre_tokenizer(out_.pre, out_.name).adds_bos;
    special.adds_bos = metadata_.get<bool>(key("add_bos_token")).value_or(usual);
  }
  /// `otherwise` is what llama.cpp takes where a SentencePiece vocabulary says nothing.
  [[nodiscard]] std::optional<token_id> token(std::string_view name, std::optional<token_id> otherwise) const {
    if (metadata_.contains(key(name))) return checkpoint::detail::gguf_token(metadata_, key(name), out_.pieces.size());
    return out_.is_sentencepiece() && otherwise && *otherwise < out_.pieces.size() ? otherwise : std::nullopt;
  }

  const checkpoint::gguf_metadata& metadata_;
  gguf_vocabulary out_;
};

}  // namespace detail

/// The vocabulary of a GGUF file. Throws, naming the key, for a missing or damaged one and for a tokenizer that is
/// neither SentencePiece's BPE ("llama") nor byte-level BPE ("gpt2") with a known tokenizer.ggml.pre.
[[nodiscard]] inline gguf_vocabulary read_gguf_vocabulary(const checkpoint::gguf_metadata& metadata) {
  return detail::gguf_vocabulary_reader{metadata}.read();
}

}  // namespace tulu
