#pragma once

#include <cstddef>

#include <tulu/model/kv_cache.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// One token of a pass and where it stands.
struct token_place {
  kv_cache* cache;
  token_id token;
  std::size_t position;
  std::size_t length;  ///< of the sequence when the whole input is computed
};

}  // namespace tulu
