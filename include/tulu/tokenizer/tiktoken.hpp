#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/stand_in.hpp>

namespace tulu {

/// True for what begins like the tokenizer.model of Llama 3 in Meta's layout: lines of a token in base64 and its rank,
/// for tiktoken.
[[nodiscard]] inline bool looks_like_tiktoken(std::string_view head) noexcept {
  const std::size_t end = head.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
  return end != 0 && end != std::string_view::npos && head.substr(end).starts_with(" 0\n");
}

/// Throws for a tokenizer.model that looks_like_tiktoken.
inline void refuse_tiktoken(const std::filesystem::path& path) {
  if (looks_like_tiktoken(io::read_head(io::file{path})))
    throw mismatch_error(path.string(), "", "a SentencePiece model",
                         "a tiktoken vocabulary, as Llama 3's in Meta's layout: take the tokenizer.json of the same "
                         "model from Hugging Face");
}

}  // namespace tulu
