#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/meta.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/stand_in.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// What a checkpoint is, told by its headers and norm weights.
struct inspection {
  /// The tensors of one type.
  struct type_count {
    std::size_t tensors = 0, elements = 0, bytes = 0;
  };

  checkpoint::catalogue tensors;
  std::string format;                    ///< "safetensors", "PyTorch", "GGUF" or "Meta's layout"
  std::optional<llama_config> config{};  ///< when there is one and it is a LLaMA model's
  std::string no_config{};               ///< why there is none
  std::map<dtype, type_count> types{};
  std::optional<std::string> diff_reason{};  ///< why it looks like a weight diff
  std::string wanted_base{};                 ///< of a diff: the model that it is to be added to

  [[nodiscard]] std::size_t elements() const noexcept {
    std::size_t sum = 0;
    for (const auto& [type, count] : types) sum += count.elements;
    return sum;
  }
};

namespace detail {

[[nodiscard]] inline std::string format_name(const std::filesystem::path& path, const checkpoint::catalogue& tensors) {
  if (checkpoint::is_gguf(path)) return "GGUF";
  if (checkpoint::is_meta_folder(path)) return "Meta's layout";
  const std::string head = io::read_head(tensors.files().front()->file());
  return checkpoint::detail::looks_like_safetensors(head) ? "safetensors" : "PyTorch";
}

/// A released LLaMA model of these sizes, "LLaMA 7B"; empty when there is none.
[[nodiscard]] inline std::string_view released_model(const llama_config& config) noexcept {
  struct row {
    std::size_t hidden, layers, key_value_heads;
    std::string_view name;
  };
  constexpr std::array<row, 6> known{{{4096, 32, 32, "LLaMA 7B"},
                                      {5120, 40, 40, "LLaMA 13B"},
                                      {6656, 60, 52, "LLaMA 30B"},
                                      {8192, 80, 64, "LLaMA 65B"},
                                      {8192, 80, 8, "Llama 2 70B"},
                                      {4096, 32, 8, "Llama 3 8B"}}};
  for (const row& each : known)
    if (config.hidden_size == each.hidden && config.num_hidden_layers == each.layers &&
        config.num_key_value_heads == each.key_value_heads)
      return each.name;
  return {};
}

/// The base of a diff: its sizes, and the released model that has them.
[[nodiscard]] inline std::string describe_base(const llama_config& config) {
  const std::string_view name = released_model(config);
  std::string text = name.empty() ? std::string{"a model"} : std::string{name} + " or another model";
  text += " with hidden_size " + std::to_string(config.hidden_size) + ", intermediate_size " +
          std::to_string(config.intermediate_size) + ", " + std::to_string(config.num_hidden_layers) + " layers, " +
          std::to_string(config.num_attention_heads) + " heads";
  if (config.num_key_value_heads != config.num_attention_heads)
    text += " (" + std::to_string(config.num_key_value_heads) + " of k and v)";
  return text + " and at most " + std::to_string(config.vocab_size) + " vocabulary entries";
}

}  // namespace detail

/// Looks at a model, a weight diff or a weight file. Reads headers and norm weights. Throws for what is none of them.
[[nodiscard]] inline inspection inspect(const std::filesystem::path& path) {
  return io::with_path_errors([&] {
    checkpoint::catalogue tensors = checkpoint::open(path);
    std::string format = detail::format_name(path, tensors);
    inspection found{std::move(tensors), std::move(format)};
    try {
      found.config = load_llama_config(path);
    } catch (const error& problem) {
      found.no_config = problem.what();
    }
    for (const checkpoint::stored_tensor& tensor : found.tensors.tensors()) {
      inspection::type_count& count = found.types[tensor.type()];
      ++count.tensors;
      count.elements += tensor.size();
      count.bytes += tensor.bytes();
    }
    found.diff_reason = checkpoint::looks_like_diff(found.tensors);
    if (found.diff_reason && found.config) found.wanted_base = detail::describe_base(*found.config);
    return found;
  });
}

}  // namespace tulu
