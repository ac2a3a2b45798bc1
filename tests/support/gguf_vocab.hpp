#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/gguf_value.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>

namespace tulu::test {

/// Metadata to be changed and made into those of a file "vocab.gguf".
struct gguf_keys {
  std::vector<checkpoint::gguf_entry> entries{};

  void set(std::string_view name, checkpoint::gguf_value value) {
    drop(name);
    entries.push_back({"tokenizer." + std::string{name}, std::move(value)});
  }
  template <class T>
  void set(std::string_view name, const T& value) {
    set(name, checkpoint::gguf_value::of(value));
  }
  template <class T>
  void set_list(std::string_view name, const std::vector<T>& values) {
    set(name, checkpoint::gguf_value::array_of(values));
  }
  void drop(std::string_view name) {
    std::erase_if(entries, [&](const auto& entry) { return entry.key == "tokenizer." + std::string{name}; });
  }
  [[nodiscard]] checkpoint::gguf_metadata metadata(const std::filesystem::path& path = "vocab.gguf") const {
    return {path, entries};
  }
};

/// What llama.cpp's converter writes for a tokenizer.model, with the added tokens `more` and their types behind it.
[[nodiscard]] inline gguf_keys keys_of(const sentencepiece_model& model,
                                       const std::vector<std::pair<std::string, std::int32_t>>& more = {}) {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (token_id id = 0; id < model.pieces.size(); ++id) {
    tokens.emplace_back(model.pieces.text(id));
    scores.push_back(model.pieces.score(id));
    types.push_back(static_cast<std::int32_t>(model.pieces.kind(id)));
  }
  for (const auto& [text, type] : more) {
    tokens.push_back(text);
    scores.push_back(-1000);
    types.push_back(type);
  }
  gguf_keys keys;
  keys.set("ggml.model", "llama");
  keys.set("ggml.pre", "default");
  keys.set_list("ggml.tokens", tokens);
  keys.set_list("ggml.scores", scores);
  keys.set_list("ggml.token_type", types);
  keys.set("ggml.bos_token_id", std::uint32_t{1});
  keys.set("ggml.eos_token_id", std::uint32_t{2});
  keys.set("ggml.unknown_token_id", std::uint32_t{0});
  return keys;
}

/// What llama.cpp's converter writes for a tokenizer.json with byte-level BPE, its merges being texts.
[[nodiscard]] inline gguf_keys keys_of(const io::json& root, std::string_view pre) {
  const auto& vocab = root.at("model").at("vocab");
  std::vector<std::string> tokens(vocab.size());
  for (const auto& [text, id] : vocab.items()) tokens.at(io::json_as<std::size_t>(id).value()) = text;
  std::vector<std::int32_t> types(tokens.size(), 1);
  for (const auto& added : root.at("added_tokens")) {
    const auto id = io::json_as<std::size_t>(added.at("id")).value();
    if (id >= tokens.size()) {
      tokens.resize(id + 1);
      types.resize(id + 1, 5);
    }
    tokens[id] = io::json_as<std::string>(added.at("content")).value();
    types[id] = io::json_as<bool>(added.at("special")).value() ? 3 : 4;
  }
  std::vector<std::string> merges;
  for (const auto& merge : root.at("model").at("merges"))
    merges.push_back(merge.is_string() ? io::json_as<std::string>(merge).value()
                                       : io::json_as<std::string>(merge[0]).value() + " " +
                                             io::json_as<std::string>(merge[1]).value());
  gguf_keys keys;
  keys.set("ggml.model", "gpt2");
  keys.set("ggml.pre", std::string{pre});
  keys.set_list("ggml.tokens", tokens);
  keys.set_list("ggml.token_type", types);
  keys.set_list("ggml.merges", merges);
  return keys;
}

}  // namespace tulu::test
