#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/generation/stop.hpp>
#include <tulu/tokenizer/stream_decoder.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace tulu {

/// The tokens of an answer → the text that can be shown: whole characters, nothing of a stop string.
class text_filter {
 public:
  /// The answer goes on after other text.
  text_filter(tokenizer source, std::span<const std::string> stop)
      : source_{std::move(source)}, decoder_{source_}, matcher_{stop} {}

  /// Takes in a token. `bytes` and `text` are valid until the next call.
  void push(token_id id) {
    clear();
    source_.decode_piece(id, bytes_);
    matcher_.push(decoder_.push(id), text_);
  }
  /// A token that stands for no text.
  void push_nothing() { clear(); }
  /// No token follows: what waited is added to `text`. Characters that were never completed become U+FFFD.
  void finish() {
    if (!matcher_.stopped()) matcher_.push(decoder_.finish(), text_);
    matcher_.finish(text_);
  }

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] bool stopped() const noexcept { return matcher_.stopped(); }
  [[nodiscard]] std::string_view stopped_by() const noexcept { return matcher_.stopped_by(); }

 private:
  void clear() noexcept {
    bytes_.clear();
    text_.clear();
  }

  tokenizer source_;
  stream_decoder decoder_;
  stop_matcher matcher_;
  std::string bytes_, text_;
};

}  // namespace tulu
