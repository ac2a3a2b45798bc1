#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// One way from text to ids and back: what a mode of the tokenizer does. Immutable, so it may be shared by threads;
/// each thread has its own workspace.
class pipeline {
 public:
  pipeline() = default;
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;
  virtual ~pipeline() = default;

  /// The ids of `text`. With `at_start` false, the text goes on after other text: no dummy prefix before it. Any bytes
  /// are accepted: what is not UTF-8 is read as U+FFFD, byte by byte.
  virtual void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const = 0;

  /// Appends the text of `ids`. Byte pieces give their byte, whether or not the bytes form UTF-8. The ids are below
  /// the size of the vocabulary: the caller has checked that.
  virtual void decode(std::span<const token_id> ids, std::string& out) const = 0;

  /// Appends what `id`, below the size of the vocabulary, stands for in the middle of a text, as bytes: nothing for
  /// control and special tokens. For text that is decoded id by id.
  virtual void decode_piece(token_id id, std::string& out) const = 0;
};

}  // namespace tulu::detail
