#pragma once

#include <array>
#include <optional>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// What a BPE model does beside merging.
struct bpe_options {
  bool escape_spaces = true;  ///< a blank in the text and U+2581 are one symbol, which pieces spell U+2581
  bool byte_fallback = false;
  std::array<token_id, 256> byte_ids{};  ///< the pieces of the bytes, with byte_fallback
  std::optional<token_id> unk_id;        ///< what an unknown character becomes without byte_fallback; none: nothing
  bool fuse_unk = true;                  ///< unknown characters in a row become one unk_id
};

}  // namespace tulu::detail
