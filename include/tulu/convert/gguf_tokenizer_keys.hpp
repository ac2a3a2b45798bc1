#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/convert/model_source.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/tiktoken.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::convert {

namespace detail {

/// The tokens of a GGUF file, one for each row of the embedding. Rows that no file names are "[PAD32001]", unused.
class gguf_tokens {
 public:
  gguf_tokens(std::size_t count, float score) : scores_(count, score), kinds_(count, unused) {
    for (std::size_t id = 0; id < count; ++id) texts_.push_back("[PAD" + std::to_string(id) + "]");
  }

  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

  void set(std::size_t id, std::string_view text, float score, piece_kind kind) {
    texts_[id] = text;
    scores_[id] = score;
    kinds_[id] = static_cast<std::int32_t>(kind);
  }
  [[nodiscard]] std::optional<token_id> find(std::string_view text) const {
    const auto at = std::find(texts_.begin(), texts_.end(), text);
    if (at == texts_.end()) return std::nullopt;
    return static_cast<token_id>(at - texts_.begin());
  }
  void append_keys(std::vector<checkpoint::gguf_entry>& keys, bool with_scores) const {
    using checkpoint::gguf_value;
    keys.push_back({"tokenizer.ggml.tokens", gguf_value::array_of(texts_)});
    if (with_scores) keys.push_back({"tokenizer.ggml.scores", gguf_value::array_of(scores_)});
    keys.push_back({"tokenizer.ggml.token_type", gguf_value::array_of(kinds_)});
  }

 private:
  static constexpr auto unused = static_cast<std::int32_t>(piece_kind::unused);

  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::vector<std::int32_t> kinds_;
};

/// Tokens that some models do not mark as special and that are meant to be (convert_hf_to_gguf.py,
/// does_token_look_special).
[[nodiscard]] inline bool looks_special(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 4> known{"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
  const auto framed = [&](std::string_view open, std::string_view close) {
    return text.starts_with(open) && text.ends_with(close) && text.size() >= open.size() + close.size();
  };
  return std::find(known.begin(), known.end(), text) != known.end() || framed("<|", "|>") ||
         framed("<\uFF5C", "\uFF5C>") || framed("<unused", ">");
}

/// Sets the tokens of added_tokens.json and of `added_tokens_decoder` in tokenizer_config.json, as llama.cpp's
/// converter does for a SentencePiece vocabulary.
inline void set_added_tokens(const std::filesystem::path& folder, gguf_tokens& tokens) {
  constexpr float score = -1000;
  const auto checked = [&](std::size_t id, const std::string& file, const std::string& text) {
    if (id >= tokens.size())
      throw mismatch_error(file, printable(text),
                           "an id below the " + std::to_string(tokens.size()) + " of config.json", std::to_string(id));
    return id;
  };
  if (const auto path = folder / "added_tokens.json"; std::filesystem::exists(path)) {
    const io::json added(io::load_json(path));
    for (const auto& [text, value] : added.items()) {
      const auto id = io::required<token_id>(added, text, path.string());
      tokens.set(checked(id, path.string(), text), text, score, piece_kind::user_defined);
    }
  }
  const auto path = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) return;
  const io::json config(io::load_json(path));
  if (!config.is_object() || !config.contains("added_tokens_decoder")) return;
  const std::string file = path.string();
  const io::json& decoder = config["added_tokens_decoder"];
  if (!decoder.is_object()) throw mismatch_error(file, "added_tokens_decoder", "an object", io::describe(decoder));
  for (const auto& [key, token] : decoder.items()) {
    std::string text = io::required<std::string>(token, "content", file);
    const auto id = io::json_as<token_id>(io::parse_json(key, file));
    if (!id) throw mismatch_error(file, "added_tokens_decoder", "ids as keys", printable(key));
    const bool special = io::optional_value<bool>(token, "special", file).value_or(false) || looks_special(text);
    for (std::size_t at; !special && (at = text.find(space_symbol)) != std::string::npos;)
      text.replace(at, space_symbol.size(), " ");
    tokens.set(checked(*id, file, text), text, score, special ? piece_kind::control : piece_kind::user_defined);
  }
}

/// What a vocabulary says beside its tokens.
struct gguf_token_facts {
  std::optional<token_id> bos, eos, unk, pad;
  bool adds_bos = true;
  bool adds_eos = false;
  std::optional<bool> add_space_prefix{};
  std::optional<std::string> chat_template{};
};

inline void append_facts(std::vector<checkpoint::gguf_entry>& keys, const gguf_token_facts& facts) {
  using checkpoint::gguf_value;
  const auto add_id = [&](const char* key, std::optional<token_id> id) {
    if (id) keys.push_back({std::string{"tokenizer.ggml."} + key, gguf_value::of(*id)});
  };
  add_id("bos_token_id", facts.bos);
  add_id("eos_token_id", facts.eos);
  add_id("unknown_token_id", facts.unk);
  add_id("padding_token_id", facts.pad);
  keys.push_back({"tokenizer.ggml.add_bos_token", gguf_value::of(facts.adds_bos)});
  keys.push_back({"tokenizer.ggml.add_eos_token", gguf_value::of(facts.adds_eos)});
  if (facts.add_space_prefix)
    keys.push_back({"tokenizer.ggml.add_space_prefix", gguf_value::of(*facts.add_space_prefix)});
  if (facts.chat_template) keys.push_back({"tokenizer.chat_template", gguf_value::of(*facts.chat_template)});
}

/// The special tokens that the files of the folder name, else those of config.json.
[[nodiscard]] inline gguf_token_facts facts_of(const model_source& source, const tokenizer_config& config,
                                               const gguf_tokens& tokens) {
  const auto named = [&](std::string_view key) -> std::optional<token_id> {
    const auto text = config.found ? config.token(key) : std::nullopt;
    return text ? tokens.find(*text) : std::nullopt;
  };
  gguf_token_facts facts;
  facts.bos = named("bos_token");
  facts.eos = named("eos_token");
  facts.unk = named("unk_token");
  facts.pad = named("pad_token");
  if (!facts.bos) facts.bos = source.config.bos_token_id;
  if (!facts.eos && !source.config.eos_token_ids.empty()) facts.eos = source.config.eos_token_ids.front();
  for (auto* id : {&facts.bos, &facts.eos})
    if (*id && **id >= tokens.size()) id->reset();
  facts.adds_eos = config.add_eos_token;
  facts.chat_template = config.chat_template;
  return facts;
}

[[nodiscard]] inline std::vector<checkpoint::gguf_entry> sentencepiece_keys(const model_source& source,
                                                                            const std::filesystem::path& path) {
  refuse_tiktoken(path);
  const sentencepiece_model model = load_sentencepiece_model(path);
  if (model.type != sentencepiece_model::algorithm::bpe)
    throw mismatch_error(path.string(), "", "a BPE model for GGUF's vocabulary \"llama\"", "a unigram model");
  constexpr float unused_score = -10000;
  gguf_tokens tokens{source.config.vocab_size, unused_score};
  if (model.pieces.size() > tokens.size())
    throw mismatch_error(path.string(), "",
                         "at most " + std::to_string(tokens.size()) + " pieces, the rows of the embedding",
                         std::to_string(model.pieces.size()));
  for (token_id id = 0; id < model.pieces.size(); ++id)
    tokens.set(id, model.pieces.text(id), model.pieces.score(id), model.pieces.kind(id));
  set_added_tokens(source.folder, tokens);
  const tokenizer_config config = load_tokenizer_config(source.folder, tokenizer_mode::hf);
  gguf_token_facts facts = facts_of(source, config, tokens);
  facts.unk = model.unk_id;
  facts.adds_bos = config.add_bos_token;
  facts.add_space_prefix = model.normalization.add_dummy_prefix;
  std::vector<checkpoint::gguf_entry> keys{{"tokenizer.ggml.model", checkpoint::gguf_value::of("llama")},
                                           {"tokenizer.ggml.pre", checkpoint::gguf_value::of("default")}};
  tokens.append_keys(keys, true);
  append_facts(keys, facts);
  return keys;
}

/// The name in tokenizer.ggml.pre of how a byte-level tokenizer.json cuts text into words.
[[nodiscard]] inline std::string_view gguf_pre_name(const tokenizer_json& tokenizer) {
  switch (tokenizer.byte_level->pattern) {
    case split_pattern::gpt2:
      return "gpt-2";
    case split_pattern::llama3:
      return "llama-bpe";
    case split_pattern::qwen2:
      return "qwen2";
    case split_pattern::smollm:
      return "smollm";
    case split_pattern::none:
      break;
  }
  throw mismatch_error(tokenizer.name, "pre_tokenizer", "a pattern that GGUF has a name for", "ByteLevel without one");
}

[[nodiscard]] inline std::vector<std::string> merge_texts(const tokenizer_json& tokenizer) {
  std::vector<std::string> texts;
  for (const auto& rule : tokenizer.merges)
    texts.push_back(
        std::string{tokenizer.pieces.text(rule.left)}.append(" ").append(tokenizer.pieces.text(rule.right)));
  return texts;
}

[[nodiscard]] inline std::vector<checkpoint::gguf_entry> byte_level_keys(const model_source& source,
                                                                         const std::filesystem::path& path) {
  const tokenizer_json tokenizer = load_tokenizer_json(path);
  if (!tokenizer.byte_level)
    throw mismatch_error(path.string(), "", "byte-level BPE, or the tokenizer.model beside it", "another tokenizer");
  gguf_tokens tokens{source.config.vocab_size, 0};
  if (tokenizer.pieces.size() > tokens.size())
    throw mismatch_error(path.string(), "",
                         "at most " + std::to_string(tokens.size()) + " pieces, the rows of the embedding",
                         std::to_string(tokenizer.pieces.size()));
  for (token_id id = 0; id < tokenizer.pieces.size(); ++id)
    if (tokenizer.pieces.kind(id) != piece_kind::unused)
      tokens.set(id, tokenizer.pieces.text(id), 0, piece_kind::normal);
  for (const added_token& added : tokenizer.added_tokens)
    tokens.set(added.id, added.content, 0,
               added.special || looks_special(added.content) ? piece_kind::control : piece_kind::user_defined);
  const tokenizer_config config = load_tokenizer_config(source.folder, tokenizer_mode::hf);
  gguf_token_facts facts = facts_of(source, config, tokens);
  facts.adds_bos = !tokenizer.bos_ids.empty();
  facts.adds_eos = !tokenizer.eos_ids.empty();
  std::vector<checkpoint::gguf_entry> keys{
      {"tokenizer.ggml.model", checkpoint::gguf_value::of("gpt2")},
      {"tokenizer.ggml.pre", checkpoint::gguf_value::of(gguf_pre_name(tokenizer))}};
  tokens.append_keys(keys, false);
  keys.push_back({"tokenizer.ggml.merges", checkpoint::gguf_value::array_of(merge_texts(tokenizer))});
  append_facts(keys, facts);
  return keys;
}

}  // namespace detail

/// The keys tokenizer.* of a GGUF file, from the tokenizer.model or the byte-level tokenizer.json of a model: the
/// tokens, scores, types and merges that convert_hf_to_gguf.py of llama.cpp writes. Throws when there is neither, and
/// for a tokenizer that GGUF has no name for.
[[nodiscard]] inline std::vector<checkpoint::gguf_entry> gguf_tokenizer_keys(const model_source& source) {
  if (const auto path = source.sentencepiece()) return detail::sentencepiece_keys(source, *path);
  const std::filesystem::path path = source.folder / "tokenizer.json";
  if (!std::filesystem::exists(path))
    throw mismatch_error(source.folder.string(), "", "a tokenizer.model or a tokenizer.json for the GGUF file",
                         "neither");
  return detail::byte_level_keys(source, path);
}

}  // namespace tulu::convert
