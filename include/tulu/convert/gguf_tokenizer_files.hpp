#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/convert/sentencepiece_file.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/gguf_vocabulary.hpp>
#include <tulu/tokenizer/split_pattern.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::convert {

/// Small files of an output: name and content.
using named_texts = std::vector<std::pair<std::string, std::string>>;

namespace detail {

/// The keys tokenizer.* of a GGUF file as files of Hugging Face's layout.
class gguf_tokenizer_writer {
 public:
  explicit gguf_tokenizer_writer(const checkpoint::gguf_metadata& metadata) : metadata_{metadata} {
    const auto texts = metadata.required<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    const auto scores = list<float>("tokenizer.ggml.scores", texts.size());
    const auto types = list<std::int32_t>("tokenizer.ggml.token_type", texts.size());
    for (std::size_t id = 0; id < texts.size(); ++id) {
      const std::int32_t type = types.empty() ? 1 : types[id];
      if (type < 1 || type > 6)
        throw metadata.mismatch("tokenizer.ggml.token_type", "types from 1 to 6", std::to_string(type));
      pieces_.add(texts[id], scores.empty() ? 0.0F : scores[id], static_cast<piece_kind>(type));
    }
  }

  [[nodiscard]] named_texts sentencepiece() const {
    const auto unk = token("unknown_token_id").value_or(0);
    const sentencepiece_content content{
        .pieces = pieces_,
        .unk = unk,
        .bos = or_default(token("bos_token_id"), 1),
        .eos = or_default(token("eos_token_id"), 2),
        .pad = token("padding_token_id"),
        .add_dummy_prefix = metadata_.get<bool>("tokenizer.ggml.add_space_prefix").value_or(true),
        .remove_extra_whitespaces = metadata_.get<bool>("tokenizer.ggml.remove_extra_whitespaces").value_or(false)};
    io::json config = config_of(metadata_.get<bool>("tokenizer.ggml.add_bos_token").value_or(true));
    config["tokenizer_class"] = "LlamaTokenizer";
    config["legacy"] = true;
    config["sp_model_kwargs"] = io::json::object();
    name_token(config, "bos_token", content.bos);
    name_token(config, "eos_token", content.eos);
    name_token(config, "unk_token", content.unk);
    name_token(config, "pad_token", content.pad);
    return {{"tokenizer.model", format_sentencepiece(content)}, {"tokenizer_config.json", dumped(config)}};
  }

  [[nodiscard]] named_texts byte_level() const {
    const auto pre = metadata_.get<std::string>("tokenizer.ggml.pre").value_or("");
    const gguf_pre_tokenizer& way = find_gguf_pre_tokenizer(pre, metadata_.path().string());
    const bool adds_bos = metadata_.get<bool>("tokenizer.ggml.add_bos_token").value_or(way.adds_bos);
    const auto bos = token("bos_token_id");
    io::json out;
    out["version"] = "1.0";
    out["truncation"] = nullptr;
    out["padding"] = nullptr;
    out["added_tokens"] = added_tokens();
    out["normalizer"] = nullptr;
    out["pre_tokenizer"] = pre_tokenizer(way.pattern);
    out["post_processor"] = post_processor(adds_bos ? bos : std::nullopt);
    out["decoder"] = step("ByteLevel", true);
    out["model"] = model(way);
    io::json config = config_of(adds_bos);
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    name_token(config, "bos_token", bos);
    name_token(config, "eos_token", token("eos_token_id"));
    name_token(config, "pad_token", token("padding_token_id"));
    return {{"tokenizer.json", dumped(out)}, {"tokenizer_config.json", dumped(config)}};
  }

 private:
  template <class T>
  [[nodiscard]] std::vector<T> list(std::string_view key, std::size_t count) const {
    auto values = metadata_.get<std::vector<T>>(key);
    if (!values) return {};
    if (values->size() != count)
      throw metadata_.mismatch(key, std::to_string(count) + " numbers, one for each token",
                               std::to_string(values->size()));
    return std::move(*values);
  }

  [[nodiscard]] std::optional<token_id> token(std::string_view name) const {
    const auto id = metadata_.get<std::uint32_t>(std::string{"tokenizer.ggml."}.append(name));
    return id && *id < pieces_.size() ? id : std::nullopt;
  }
  [[nodiscard]] std::optional<token_id> or_default(std::optional<token_id> id, token_id absent) const {
    return id || absent >= pieces_.size() ? id : std::optional{absent};
  }

  /// What is the same for both kinds. Every control and user-defined piece is one that transformers finds in texts.
  [[nodiscard]] io::json config_of(bool adds_bos) const {
    io::json out;
    out["add_bos_token"] = adds_bos;
    out["add_eos_token"] = metadata_.get<bool>("tokenizer.ggml.add_eos_token").value_or(false);
    out["added_tokens_decoder"] = io::json::object();
    auto& decoder = out["added_tokens_decoder"].get_ref<io::json::object_t&>();
    for (io::json added : added_tokens()) {
      const std::string id = std::to_string(added["id"].get<token_id>());
      added.erase("id");
      decoder.emplace_back(id, std::move(added));  // operator[] would look at all of them
    }
    if (auto text = metadata_.get<std::string>("tokenizer.chat_template")) out["chat_template"] = std::move(*text);
    out["clean_up_tokenization_spaces"] = false;
    return out;
  }

  void name_token(io::json& config, const char* key, std::optional<token_id> id) const {
    if (id) config[key] = std::string{pieces_.text(*id)};
  }

  [[nodiscard]] io::json added_tokens() const {
    io::json list = io::json::array();
    for (token_id id = 0; id < pieces_.size(); ++id) {
      const piece_kind kind = pieces_.kind(id);
      if (kind == piece_kind::normal || kind == piece_kind::byte || kind == piece_kind::unused) continue;
      list.push_back({{"id", id},
                      {"content", std::string{pieces_.text(id)}},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", kind != piece_kind::user_defined}});
    }
    return list;
  }

  [[nodiscard]] static io::json step(const char* type, bool use_regex) {
    return {{"type", type}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
  }

  [[nodiscard]] static io::json pre_tokenizer(split_pattern pattern) {
    if (pattern == split_pattern::gpt2) return step("ByteLevel", true);
    io::json first{{"type", "Digits"}, {"individual_digits", true}};
    if (pattern != split_pattern::smollm)
      first = {{"type", "Split"},
               {"pattern", {{"Regex", split_pattern_texts[static_cast<std::size_t>(pattern)]}}},
               {"behavior", "Isolated"},
               {"invert", false}};
    return {{"type", "Sequence"},
            {"pretokenizers", io::json::array({first, step("ByteLevel", pattern == split_pattern::smollm)})}};
  }

  [[nodiscard]] io::json post_processor(std::optional<token_id> bos) const {
    if (!bos) return step("ByteLevel", true);
    const std::string text{pieces_.text(*bos)};
    const auto special = [&](int type) { return io::json{{"SpecialToken", {{"id", text}, {"type_id", type}}}}; };
    const auto sequence = [&](const char* id, int type) {
      return io::json{{"Sequence", {{"id", id}, {"type_id", type}}}};
    };
    io::json out;
    out["type"] = "TemplateProcessing";
    out["single"] = io::json::array({special(0), sequence("A", 0)});
    out["pair"] = io::json::array({special(0), sequence("A", 0), special(1), sequence("B", 1)});
    out["special_tokens"][text] = {{"id", text}, {"ids", io::json::array({*bos})}, {"tokens", io::json::array({text})}};
    return out;
  }

  [[nodiscard]] io::json model(const gguf_pre_tokenizer& way) const {
    io::json vocab = io::json::object();
    auto& members = vocab.get_ref<io::json::object_t&>();
    for (token_id id = 0; id < pieces_.size(); ++id)
      if (pieces_.kind(id) != piece_kind::unused) members.emplace_back(std::string{pieces_.text(id)}, id);
    io::json out;
    out["type"] = "BPE";
    out["dropout"] = nullptr;
    out["unk_token"] = nullptr;
    out["continuing_subword_prefix"] = nullptr;
    out["end_of_word_suffix"] = nullptr;
    out["fuse_unk"] = false;
    out["byte_fallback"] = false;
    out["ignore_merges"] = way.ignore_merges;
    out["vocab"] = std::move(vocab);
    out["merges"] = metadata_.required<std::vector<std::string>>("tokenizer.ggml.merges");
    return out;
  }

  [[nodiscard]] std::string dumped(const io::json& value) const {
    for (token_id id = 0; id < pieces_.size(); ++id)
      if (pieces_.kind(id) != piece_kind::byte) (void)io::quote_json(pieces_.text(id));  // throws when it is not UTF-8
    return value.dump(2, ' ', false, io::json::error_handler_t::replace) + "\n";
  }

  const checkpoint::gguf_metadata& metadata_;
  vocabulary pieces_;
};

}  // namespace detail

/// The tokenizer of a GGUF file as files of Hugging Face's layout: tokenizer.model and tokenizer_config.json for a
/// SentencePiece vocabulary, tokenizer.json and tokenizer_config.json for byte-level BPE; the chat template is in
/// tokenizer_config.json. Throws for another kind of tokenizer. Nothing for a file without a vocabulary.
[[nodiscard]] inline named_texts gguf_tokenizer_files(const checkpoint::gguf_metadata& metadata) {
  const auto kind = metadata.get<std::string>("tokenizer.ggml.model");
  if (!kind || *kind == "no_vocab" || *kind == "none") return {};
  if (*kind != "llama" && *kind != "gpt2")
    throw metadata.mismatch("tokenizer.ggml.model", "llama or gpt2", printable(*kind));
  const detail::gguf_tokenizer_writer writer{metadata};
  return *kind == "llama" ? writer.sentencepiece() : writer.byte_level();
}

}  // namespace tulu::convert
