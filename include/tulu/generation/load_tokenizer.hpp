#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/meta.hpp>
#include <tulu/core/error.hpp>
#include <tulu/generation/gguf_tokenizer.hpp>
#include <tulu/io/file.hpp>
#include <tulu/tokenizer/make_json_pipeline.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/slow_pipeline.hpp>
#include <tulu/tokenizer/tiktoken.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/tokenizer_config.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace tulu {

namespace detail {

/// The files of a tokenizer: those of a folder, or one given by itself.
struct tokenizer_files {
  std::string name;
  std::optional<std::filesystem::path> folder, sentencepiece, json;
};

/// tokenizer.model of a folder: in it, or, in Meta's layout, one folder up, as Llama 1 and 2 were released.
[[nodiscard]] inline std::filesystem::path sentencepiece_path(const std::filesystem::path& folder) {
  const std::filesystem::path inside = folder / "tokenizer.model";
  if (std::filesystem::exists(inside) || !checkpoint::is_meta_folder(folder)) return inside;
  return std::filesystem::canonical(folder).parent_path() / "tokenizer.model";
}

[[nodiscard]] inline tokenizer_files find_tokenizer_files(const std::filesystem::path& path) {
  tokenizer_files found{.name = path.string(), .folder = {}, .sentencepiece = {}, .json = {}};
  if (!std::filesystem::exists(path)) throw error{found.name + ": no such file or folder"};
  if (!std::filesystem::is_directory(path)) {
    (path.extension() == ".json" ? found.json : found.sentencepiece) = path;
    return found;
  }
  found.folder = path;
  if (const auto model = sentencepiece_path(path); std::filesystem::exists(model)) found.sentencepiece = model;
  if (std::filesystem::exists(path / "tokenizer.json")) found.json = path / "tokenizer.json";
  if (!found.sentencepiece && !found.json)
    throw mismatch_error(found.name, "", "a tokenizer.model or a tokenizer.json", "neither");
  return found;
}

/// A line for each kind of disagreement between the two files of a folder on what the ids are.
[[nodiscard]] inline std::vector<std::string> compare_vocabularies(const tokenizer_files& files,
                                                                   const vocabulary& model, const vocabulary& json,
                                                                   tokenizer_mode mode) {
  const auto line = [&](const std::string& difference) {
    return files.name + ": tokenizer.model and tokenizer.json differ: " + difference + "; mode " +
           std::string{name_of(mode)} + " uses " +
           (mode == tokenizer_mode::hf_fast ? "tokenizer.json" : "tokenizer.model");
  };
  const std::size_t both = std::min(model.size(), json.size());
  for (token_id id = 0; id < both; ++id)
    if (model.text(id) != json.text(id))
      return {line("id " + std::to_string(id) + " is \"" + printable(model.text(id), 40) + "\" and \"" +
                   printable(json.text(id), 40) + "\"")};
  if (json.size() < model.size())
    return {line(std::to_string(model.size()) + " and " + std::to_string(json.size()) + " pieces")};
  return {};
}

/// The id of the special token `key`: by the files beside the model where they name one, among `pieces`.
template <class IdOf>
[[nodiscard]] special_tokens special_of(const tokenizer_config& config, IdOf&& id_of) {
  const auto find = [&](std::string_view key) -> std::optional<token_id> {
    const auto text = config.token(key);
    return text ? id_of(*text) : std::nullopt;
  };
  return {.bos = find("bos_token"), .eos = find("eos_token"), .pad = find("pad_token"), .unk = find("unk_token")};
}

[[nodiscard]] inline tokenizer make_slow_tokenizer(const tokenizer_files& files, const sentencepiece_model& model,
                                                   tokenizer_mode mode) {
  const tokenizer_config config =
      files.folder ? load_tokenizer_config(*files.folder, mode) : default_tokenizer_config(mode);
  const std::shared_ptr<const slow_pipeline> made = make_slow_pipeline(model, config, mode);
  special_tokens special = special_of(config, [&](std::string_view text) { return made->id_of(text); });
  special.adds_bos = config.add_bos_token;
  return {files.name, mode, made->pieces(), special, made, config.warnings};
}

[[nodiscard]] inline tokenizer make_json_tokenizer(const tokenizer_files& files, tokenizer_json source) {
  constexpr auto mode = tokenizer_mode::hf_fast;
  const tokenizer_config config = files.folder ? load_tokenizer_config(*files.folder, tokenizer_mode::hf)
                                               : default_tokenizer_config(tokenizer_mode::hf);
  auto made = make_json_pipeline(source);
  special_tokens special = special_of(config, [&](std::string_view text) -> std::optional<token_id> {
    for (token_id id = 0; id < source.pieces.size(); ++id)
      if (source.pieces.text(id) == text) return id;
    return std::nullopt;
  });
  if (!config.found && source.bos_ids.size() == 1) special.bos = source.bos_ids[0];
  if (!config.found && source.eos_ids.size() == 1) special.eos = source.eos_ids[0];
  // LlamaTokenizerFast puts a post-processor of its own in the place of the file's.
  const bool llama = config.tokenizer_class.find("Llama") != std::string::npos;
  special.adds_bos = llama ? config.add_bos_token : !source.bos_ids.empty();
  return {files.name, mode, std::move(source.pieces), special, std::move(made), config.warnings};
}

[[nodiscard]] inline tokenizer make_spm_tokenizer(const tokenizer_files& files, sentencepiece_model model) {
  auto made = std::make_shared<const sentencepiece_pipeline>(model);
  const special_tokens special{model.bos_id, model.eos_id, model.pad_id, model.unk_id};
  return {files.name, tokenizer_mode::spm, std::move(model.pieces), special, std::move(made)};
}

[[nodiscard]] inline tokenizer load_tokenizer_files(const std::filesystem::path& path,
                                                    std::optional<tokenizer_mode> mode) {
  const tokenizer_files files = find_tokenizer_files(path);
  const tokenizer_mode chosen = mode.value_or(files.sentencepiece ? tokenizer_mode::spm : tokenizer_mode::hf_fast);
  const bool fast = chosen == tokenizer_mode::hf_fast;
  if (!(fast ? files.json : files.sentencepiece))
    throw mismatch_error(
        files.name, "",
        std::string{fast ? "a tokenizer.json" : "a tokenizer.model"} + " for mode " + std::string{name_of(chosen)},
        "none");
  std::vector<std::string> warnings;
  std::optional<sentencepiece_model> model;
  std::optional<tokenizer_json> json;
  // The file that the mode does not need is read for the comparison alone: when it is no good, that is one more
  // warning.
  const auto load = [&](bool needed, auto&& read) {
    try {
      read();
    } catch (const error& problem) {
      if (needed) throw;
      warnings.emplace_back(problem.what());
    }
  };
  if (files.sentencepiece)
    load(!fast, [&] {
      refuse_tiktoken(*files.sentencepiece);
      model = load_sentencepiece_model(*files.sentencepiece);
    });
  if (files.json) load(fast, [&] { json = load_tokenizer_json(*files.json); });
  if (model && json) warnings = compare_vocabularies(files, model->pieces, json->pieces, chosen);
  tokenizer made = fast                            ? make_json_tokenizer(files, std::move(*json))
                   : chosen == tokenizer_mode::spm ? make_spm_tokenizer(files, std::move(*model))
                                                   : make_slow_tokenizer(files, *model, chosen);
  made.add_warnings(std::move(warnings));
  return made;
}

}  // namespace detail

/// The tokenizer of a model folder in Hugging Face's layout, of a `tokenizer.model`, of a `tokenizer.json`, or of a
/// GGUF file (see load_gguf_tokenizer).
///
/// Modes spm, hf-legacy and hf read tokenizer.model, mode hf-fast tokenizer.json. Without a mode it is spm, or hf-fast
/// where there is no tokenizer.model. The hf modes take special and added tokens from tokenizer_config.json,
/// special_tokens_map.json and added_tokens.json; a file given by itself has none beside it. What the files disagree
/// on, the two vocabularies included, is in `warnings()`.
///
/// Throws for a missing file, for a file that is damaged or asks for what is not supported, and for a folder without
/// the file that the mode needs.
[[nodiscard]] inline tokenizer load_tokenizer(const std::filesystem::path& path,
                                              std::optional<tokenizer_mode> mode = std::nullopt) {
  return io::with_path_errors([&] {
    if (checkpoint::is_gguf(path)) return load_gguf_tokenizer(checkpoint::read_gguf_metadata(path), mode);
    return detail::load_tokenizer_files(path, mode);
  });
}

}  // namespace tulu
