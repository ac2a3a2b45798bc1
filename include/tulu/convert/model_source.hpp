#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/meta.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/io/file.hpp>
#include <tulu/model/weight_slots.hpp>

namespace tulu::convert {

/// A LLaMA model to be converted.
struct model_source {
  checkpoint::catalogue tensors;
  llama_config config;
  std::filesystem::path folder;                     ///< where its other files are
  std::optional<checkpoint::gguf_metadata> gguf{};  ///< of a GGUF file
  bool is_meta = false;                             ///< a folder of Meta's layout
  std::string name{};                               ///< what the model is called: its folder

  /// tokenizer.model of a folder: in it or, in Meta's layout, one folder up; nothing when there is none.
  [[nodiscard]] std::optional<std::filesystem::path> sentencepiece() const {
    std::filesystem::path path = folder / "tokenizer.model";
    if (gguf) return std::nullopt;
    if (is_meta && !std::filesystem::exists(path))
      path = std::filesystem::canonical(folder).parent_path() / "tokenizer.model";
    return std::filesystem::exists(path) ? std::optional{path} : std::nullopt;
  }
};

/// The tensors that the model of these needs, in their order; in a tied model the one vocabulary tensor has the name of
/// the embedding.
[[nodiscard]] inline std::vector<checkpoint::stored_tensor> model_tensors(const model_source& source) {
  const std::set<std::string> needed = tulu::detail::needed_names(source.tensors, source.config);
  std::vector<checkpoint::stored_tensor> tensors;
  for (const checkpoint::stored_tensor& tensor : source.tensors.tensors()) {
    if (!needed.contains(tensor.name())) continue;
    const bool is_tied_head = source.config.tie_word_embeddings && tensor.name() == checkpoint::head_name;
    tensors.push_back(is_tied_head ? tensor.renamed(std::string{checkpoint::embed_name}) : tensor);
  }
  return tensors;
}

/// Throws when a tensor that the model needs is missing or has another shape or type than those of weights.
inline void check_tensors(const model_source& source) {
  tulu::detail::visit_needed(source.tensors, source.config, [](const auto&, const auto&) {});
}

/// Opens a model in Hugging Face's or Meta's layout or in GGUF. Throws for a weight diff, for another architecture, and
/// when a tensor is missing or does not fit the configuration.
[[nodiscard]] inline model_source open_model_source(const std::filesystem::path& path) {
  model_source source{checkpoint::open(path), load_llama_config(path), checkpoint::folder_of(path)};
  if (checkpoint::is_gguf(path)) source.gguf = checkpoint::read_gguf_metadata(path);
  source.is_meta = checkpoint::is_meta_folder(path);
  source.name = io::last_component(std::filesystem::absolute(source.folder));
  checkpoint::refuse_diff(source.tensors);
  check_tensors(source);
  return source;
}

}  // namespace tulu::convert
