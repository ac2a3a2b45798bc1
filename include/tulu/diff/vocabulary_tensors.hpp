#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/error.hpp>

namespace tulu::diff {

using checkpoint::embed_name;
using checkpoint::head_name;
using checkpoint::is_derived_buffer;

/// The two tensors with a row per vocabulary entry. In a tied model they are one: both point to the stored one.
struct vocabulary_tensors {
  const checkpoint::stored_tensor* embed = nullptr;
  const checkpoint::stored_tensor* head = nullptr;
  bool tied = false;
};

/// Tied means: config.json says `tie_word_embeddings`, or it does not say and only one of the two is stored.
/// A model that says it is not tied and lacks one is an error.
[[nodiscard]] inline vocabulary_tensors find_vocabulary(const checkpoint::catalogue& model,
                                                        std::optional<bool> tie_word_embeddings) {
  vocabulary_tensors found{model.find(embed_name), model.find(head_name), tie_word_embeddings.value_or(false)};
  const bool one_missing = (found.embed == nullptr) != (found.head == nullptr);
  if (one_missing && tie_word_embeddings == false)
    throw mismatch_error(model.path().string(), found.embed == nullptr ? embed_name : head_name,
                         "the tensor (config.json says tie_word_embeddings is false)", "none");
  if (one_missing) found.tied = true;
  if (found.tied) {
    if (found.embed == nullptr) found.embed = found.head;
    found.head = found.embed;
  }
  return found;
}

}  // namespace tulu::diff
