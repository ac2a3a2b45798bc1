#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/read_gguf_vocabulary.hpp>
#include <tulu/convert/sentencepiece_file.hpp>
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
  explicit gguf_tokenizer_writer(const checkpoint::gguf_metadata& metadata)
      : metadata_{metadata}, source_{read_gguf_vocabulary(metadata)} {}

  [[nodiscard]] named_texts sentencepiece() const {
    const sentencepiece_content content{.pieces = source_.pieces,
                                        .unk = source_.special.unk.value_or(0),
                                        .bos = or_default(source_.special.bos, 1),
                                        .eos = or_default(source_.special.eos, 2),
                                        .pad = source_.special.pad,
                                        .add_dummy_prefix = source_.add_space_prefix,
                                        .remove_extra_whitespaces = source_.remove_extra_whitespaces};
    io::json config = config_of();
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
    const gguf_pre_tokenizer& way = find_gguf_pre_tokenizer(source_.pre, source_.name);
    const special_tokens& special = source_.special;
    io::json out;
    out["version"] = "1.0";
    out["truncation"] = nullptr;
    out["padding"] = nullptr;
    out["added_tokens"] = added_tokens();
    out["normalizer"] = nullptr;
    out["pre_tokenizer"] = pre_tokenizer(way.pattern);
    out["post_processor"] = post_processor(special.adds_bos ? special.bos : std::nullopt);
    out["decoder"] = step("ByteLevel", true);
    out["model"] = model(way);
    io::json config = config_of();
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    name_token(config, "bos_token", special.bos);
    name_token(config, "eos_token", special.eos);
    name_token(config, "pad_token", special.pad);
    return {{"tokenizer.json", dumped(out)}, {"tokenizer_config.json", dumped(config)}};
  }

 private:
  [[nodiscard]] std::optional<token_id> or_default(std::optional<token_id> id, token_id absent) const {
    return id || absent >= source_.pieces.size() ? id : std::optional{absent};
  }

  /// What is the same for both kinds. Every control and user-defined piece is one that transformers finds in texts.
  [[nodiscard]] io::json config_of() const {
    io::json out;
    out["add_bos_token"] = source_.special.adds_bos;
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
    if (id) config[key] = std::string{source_.pieces.text(*id)};
  }

  [[nodiscard]] io::json added_tokens() const {
    io::json list = io::json::array();
    for (token_id id = 0; id < source_.pieces.size(); ++id) {
      const piece_kind kind = source_.pieces.kind(id);
      if (kind == piece_kind::normal || kind == piece_kind::byte || kind == piece_kind::unused) continue;
      list.push_back({{"id", id},
                      {"content", std::string{source_.pieces.text(id)}},
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
    const std::string text{source_.pieces.text(*bos)};
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
    for (token_id id = 0; id < source_.pieces.size(); ++id)
      if (source_.pieces.kind(id) != piece_kind::unused) members.emplace_back(std::string{source_.pieces.text(id)}, id);
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
    out["merges"] = source_.merges;
    return out;
  }

  [[nodiscard]] std::string dumped(const io::json& value) const {
    for (token_id id = 0; id < source_.pieces.size(); ++id)
      if (source_.pieces.kind(id) != piece_kind::byte)
        (void)io::quote_json(source_.pieces.text(id));  // throws when it is not UTF-8
    return value.dump(2, ' ', false, io::json::error_handler_t::replace) + "\n";
  }

  const checkpoint::gguf_metadata& metadata_;
  gguf_vocabulary source_;
};

}  // namespace detail

/// The tokenizer of a GGUF file as files of Hugging Face's layout: tokenizer.model and tokenizer_config.json for a
/// SentencePiece vocabulary, tokenizer.json and tokenizer_config.json for byte-level BPE; the chat template is in
/// tokenizer_config.json. Throws for another kind of tokenizer. Nothing for a file without a vocabulary.
[[nodiscard]] inline named_texts gguf_tokenizer_files(const checkpoint::gguf_metadata& metadata) {
  const auto kind = metadata.get<std::string>("tokenizer.ggml.model");
  if (!kind || *kind == "no_vocab" || *kind == "none") return {};
  const detail::gguf_tokenizer_writer writer{metadata};
  return *kind == "llama" ? writer.sentencepiece() : writer.byte_level();
}

}  // namespace tulu::convert
