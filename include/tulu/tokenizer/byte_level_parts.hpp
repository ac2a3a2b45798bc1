#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/split_pattern.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// What a tokenizer with byte-level BPE is made of.
struct byte_level_parts {
  std::string name;  ///< the file, for messages

  /// The pieces written in GPT-2's alphabet for bytes (`Ġthe`), by id; added tokens as they stand in texts. An id of
  /// kind unused is given to no text; without a text of its own it is an error to decode.
  vocabulary pieces;
  std::vector<token_id> not_in_model;             ///< the ids of added tokens that are no pieces of the model
  std::vector<detail::merge_table::rule> merges;  ///< in the order of their ranks
  split_pattern pattern = split_pattern::gpt2;
  std::vector<added_token> added_tokens;  ///< found in texts before anything else; ids below pieces.size()
  bool add_prefix_space = false;          ///< a blank before each part between added tokens that has none
  bool ignore_merges = false;             ///< a word that is a piece becomes that piece, whatever the merges say
  std::optional<token_id> unk_id;         ///< what a byte without a piece becomes; none: nothing
  bool fuse_unk = false;                  ///< such bytes in a row become one unk_id
};

}  // namespace tulu
