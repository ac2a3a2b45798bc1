#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tulu/chat/template_of_jinja.hpp>
#include <tulu/chat/templates.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/gguf_metadata.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/json.hpp>
#include <tulu/io/stand_in.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>

namespace tulu {

/// A chat format and why it was taken, as a clause for people ("tokenizer_config.json has …").
struct template_choice {
  chat::any_template format;
  std::string reason;
};

namespace detail {

/// Parts of the names of models, in lower case. The models of Open Instruct use Tulu's format whatever they learned
/// from.
inline constexpr template_hint name_hints[] = {
    {"tulu3", {"tulu-3"}},
    {"tulu", {"tulu"}},
    {"tulu", {"open-instruct"}},
    {"vicuna", {"vicuna"}},
    {"alpaca", {"alpaca"}},
    {"zephyr", {"zephyr"}},
    {"zephyr", {"tinyllama", "chat"}},
    {"llama2", {"llama-2", "chat"}},
    {"llama2", {"llama2", "chat"}},
    {"llama2", {"codellama", "instruct"}},
    {"llama3", {"llama-3", "instruct"}},
    {"llama3", {"llama3", "instruct"}},
    {"chatml", {"openhermes"}},
};

/// Tokens that were added for a format.
inline constexpr template_hint token_hints[] = {{"chatml", {"<|im_start|>"}}, {"llama3", {"<|start_header_id|>"}}};
/// Tokens that were added for a format and are common in others.
inline constexpr template_hint weak_token_hints[] = {{"alpaca", {"[PAD]"}}};

[[nodiscard]] inline template_choice choice_of(std::string_view format, std::string reason) {
  return {chat::template_by_name(format).value(), std::move(reason)};
}

/// The last part of a path or a name, with small letters and hyphens for blanks.
[[nodiscard]] inline std::string last_part(const std::filesystem::path& path) {
  std::string name = io::last_component(path);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    if (c == ' ') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

/// Looks at the files of one model for the format that it knows.
class template_chooser {
 public:
  explicit template_chooser(const std::filesystem::path& model)
      : folder_{checkpoint::folder_of(std::filesystem::absolute(model))} {
    if (checkpoint::is_gguf(model)) file_ = model;
  }

  [[nodiscard]] template_choice choose() {
    if (file_) return choose_by_metadata(checkpoint::read_gguf_metadata(*file_));
    if (const auto choice = by_jinja_file()) return *choice;
    tokenizer_config config = default_tokenizer_config(tokenizer_mode::hf);
    tolerate("tokenizer_config.json", [&] {
      if (std::filesystem::is_directory(folder_)) config = load_tokenizer_config(folder_, tokenizer_mode::hf);
    });
    if (config.chat_template)
      if (const auto choice = by_jinja(*config.chat_template, "tokenizer_config.json")) return *choice;
    if (const auto choice = by_name(folder_)) return *choice;
    const std::string tokens = special_tokens_of(config);
    if (const auto choice = by_token(token_hints, tokens)) return *choice;
    if (const auto choice = by_name(trained_from())) return *choice;
    if (const auto choice = by_token(weak_token_hints, tokens)) return *choice;
    return choice_of("tulu", problems_ + "no file of the model names a format");
  }

 private:
  [[nodiscard]] template_choice choose_by_metadata(const checkpoint::gguf_metadata& metadata) {
    constexpr std::string_view jinja_key = "tokenizer.chat_template";
    if (const std::string jinja = text_of(metadata, jinja_key); !jinja.empty())
      if (const auto choice = by_jinja(jinja, jinja_key)) return *choice;
    for (const std::string_view key : {"general.name", "general.basename", "general.finetune"})
      if (const auto choice = by_name(text_of(metadata, key))) return *choice;
    if (const auto choice = by_name(*file_)) return *choice;
    std::string tokens;
    tolerate("the vocabulary", [&] { tokens = special_tokens_of(metadata); });
    if (const auto choice = by_token(token_hints, tokens)) return *choice;
    if (const auto choice = by_token(weak_token_hints, tokens)) return *choice;
    return choice_of("tulu", problems_ + "nothing in the model's metadata names a format");
  }
  /// The value of a key, empty when there is none that can be read.
  [[nodiscard]] std::string text_of(const checkpoint::gguf_metadata& metadata, std::string_view key) {
    std::string text;
    tolerate(key, [&] { text = metadata.get<std::string>(key).value_or(""); });
    return text;
  }
  /// The tokens that are no parts of words, each on a line.
  [[nodiscard]] static std::string special_tokens_of(const checkpoint::gguf_metadata& metadata) {
    const auto texts = metadata.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    const auto types = metadata.get<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
    std::string tokens;
    if (!texts || !types) return tokens;
    for (std::size_t i = 0; i < std::min(texts->size(), types->size()); ++i)
      if ((*types)[i] == 3 || (*types)[i] == 4) tokens.append((*texts)[i]).append("\n");
    return tokens;
  }

  /// What cannot be read says nothing of the format: that becomes a part of the reason.
  template <class Action>
  void tolerate(std::string_view what, Action&& action) {
    try {
      io::with_path_errors(action);
    } catch (const error& problem) {
      problems_.append(what).append(" cannot be used (").append(problem.what()).append("); ");
    }
  }
  [[nodiscard]] std::optional<template_choice> by_jinja(std::string_view text, std::string_view file) {
    if (auto format = chat::template_of_jinja(text))
      return template_choice{std::move(*format), problems_ + std::string{file} + " has a chat template of this kind"};
    problems_.append("the chat template of ").append(file).append(" is of no known kind; ");
    return std::nullopt;
  }
  /// Newer versions of transformers save the template in a file of its own.
  [[nodiscard]] std::optional<template_choice> by_jinja_file() {
    const std::string name = "chat_template.jinja";
    std::error_code ignored;
    if (!std::filesystem::exists(folder_ / name, ignored)) return std::nullopt;
    std::string text;
    tolerate(name, [&] {
      const io::file source{folder_ / name};
      text = io::read_head(source, std::min(source.size(), longest_template));
    });
    return text.empty() ? std::nullopt : by_jinja(text, name);
  }
  [[nodiscard]] static std::string special_tokens_of(const tokenizer_config& config) {
    std::string tokens;
    for (const added_token& token : config.added_tokens) tokens.append(token.content).append("\n");
    for (const named_token& special : config.special_tokens) tokens.append(special.token.content).append("\n");
    return tokens;
  }
  [[nodiscard]] std::optional<template_choice> by_token(std::span<const template_hint> hints,
                                                        std::string_view tokens) const {
    const template_hint* const hint = find_hint(hints, tokens);
    if (hint == nullptr) return std::nullopt;
    return choice_of(hint->format, problems_ + "the vocabulary has a token " + std::string{hint->parts[0]});
  }
  [[nodiscard]] std::optional<template_choice> by_name(const std::filesystem::path& path) const {
    const std::string name = last_part(path);
    const template_hint* const hint = find_hint(name_hints, name);
    if (hint == nullptr) return std::nullopt;
    return choice_of(hint->format, problems_ + "the model is called " + printable(name, 60));
  }
  /// The model that config.json says this one was made from.
  [[nodiscard]] std::filesystem::path trained_from() {
    std::string named;
    std::error_code ignored;
    if (!std::filesystem::exists(folder_ / "config.json", ignored)) return named;
    tolerate("config.json", [&] {
      const std::string file = (folder_ / "config.json").string();
      named = io::optional_value<std::string>(io::load_json(file), "_name_or_path", file).value_or("");
    });
    return named;
  }

  static constexpr std::size_t longest_template = 1'000'000;

  std::filesystem::path folder_;
  std::optional<std::filesystem::path> file_;  ///< in GGUF
  std::string problems_;
};

}  // namespace detail

/// The chat format of the model at `path`, a folder or a weight file in it, and why. The first of these that tells:
///   - what chat_template.jinja, then the chat_template of tokenizer_config.json writes;
///   - the name of the folder;
///   - tokens that were added for one format;
///   - the name in config.json's _name_or_path, the model that this one was trained from;
///   - tokens that were added for a format and are common in others.
/// Of a GGUF file the metadata tell: its chat template, its names, the name of the file, its tokens, common ones last.
/// Else it is tulu. A template of an unknown kind or a file that cannot be read does not stop it and is told in the
/// reason.
[[nodiscard]] inline template_choice choose_template(const std::filesystem::path& path) {
  return io::with_path_errors([&] { return detail::template_chooser{path}.choose(); });
}

/// The tokenizer mode in which the ids of `format` are those of the training, among those that the files of the model
/// folder or the GGUF file at `path` allow. Nothing, the default of `load_tokenizer`, where that is neither.
[[nodiscard]] inline std::optional<tokenizer_mode> choose_tokenizer_mode(const chat::any_template& format,
                                                                         const std::filesystem::path& path) {
  const tokenizer_mode preferred = parse_tokenizer_mode(format.preferred_mode()).value_or(tokenizer_mode::spm);
  if (checkpoint::is_gguf(path)) {
    const auto model = checkpoint::read_gguf_metadata(path).get<std::string>("tokenizer.ggml.model");
    if (model != "llama") return tokenizer_mode::hf_fast;
    return preferred == tokenizer_mode::hf_fast ? tokenizer_mode::hf : preferred;
  }
  std::error_code ignored;
  const auto has = [&](const char* name) { return std::filesystem::exists(path / name, ignored); };
  const bool model = has("tokenizer.model");
  const bool json = has("tokenizer.json");
  if (!model && !json) return std::nullopt;
  if (preferred == tokenizer_mode::hf_fast) return json ? preferred : tokenizer_mode::hf;
  return model ? preferred : tokenizer_mode::hf_fast;
}

}  // namespace tulu
