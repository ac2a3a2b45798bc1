#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/tokenizer.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// Text from ids that come one at a time, as a model generates them. What it hands out is always whole UTF-8: the bytes
/// of a character wait until it is complete, and a byte that no character can be made of becomes U+FFFD. Control
/// tokens give nothing.
class stream_decoder {
 public:
  /// With `at_start`, the ids begin a text, and `decode` decides what becomes of a blank at its start; without, they
  /// continue other text.
  explicit stream_decoder(tokenizer source, bool at_start = false) : source_{std::move(source)}, at_start_{at_start} {}

  /// The text that `id` completes; it may be empty. An id out of range is an error.
  [[nodiscard]] std::string push(token_id id) {
    if (at_start_) {
      push_first(id);
    } else {
      source_.decode_piece(id, pending_);
    }
    const std::size_t complete = complete_utf8_prefix(pending_);
    std::string out = replace_invalid_utf8(std::string_view{pending_}.substr(0, complete));
    pending_.erase(0, complete);
    return out;
  }

  /// The rest at the end: each byte of a character that was never completed as U+FFFD.
  [[nodiscard]] std::string finish() { return replace_invalid_utf8(std::exchange(pending_, {})); }

 private:
  /// What `decode` makes of the first ids, until they give some text.
  void push_first(token_id id) {
    std::string text;
    source_.decode_piece(id, text);
    if (text.empty()) return;
    first_.push_back(id);
    pending_ = source_.decode(first_);
    at_start_ = pending_.empty();
  }

  tokenizer source_;
  std::vector<token_id> first_;
  std::string pending_;
  bool at_start_;
};

}  // namespace tulu
