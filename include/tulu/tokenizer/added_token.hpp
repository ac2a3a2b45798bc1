#pragma once

#include <string>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// A token beside the model's own pieces or one of them that is found in text as a whole: Hugging Face's AddedToken.
struct added_token {
  std::string content;
  token_id id = 0;
  bool special = false;      ///< named in special_tokens_map.json or marked so in tokenizer.json
  bool single_word = false;  ///< matches only between characters that are no letters, digits or underscores
  bool lstrip = false;       ///< takes the whitespace on its left along
  bool rstrip = false;       ///< takes the whitespace on its right along
  bool normalized = true;    ///< fast tokenizers: matched in the normalized text
  /// Slow tokenizers of transformers 4.30: a token given as a plain string, not as an AddedToken. Whitespace on both
  /// sides of it is dropped.
  bool plain_string = false;
};

}  // namespace tulu
