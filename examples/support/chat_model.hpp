#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "model_options.hpp"
#include <tulu/chat/templates.hpp>
#include <tulu/generation/context_policy.hpp>
#include <tulu/model/llama_model.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace cli {

/// Everything that answers.
struct chat_model {
  std::unique_ptr<tulu::llama_model> model;
  tulu::tokenizer tokens;
  tulu::chat::any_template format;
};

/// The tokenizer of a model in the mode that the model's own chat format was trained with.
[[nodiscard]] tulu::tokenizer load_own_tokenizer(const std::filesystem::path& model);

/// Loads the model, its tokenizer and the format of that name, auto for the model's own, and says on stderr what that
/// is. Throws as they do.
[[nodiscard]] chat_model load_chat_model(const model_arguments& given, const common_options& common,
                                         const std::string& format_name, const tulu::context_options& context,
                                         std::stop_token stop);

}  // namespace cli
