#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tulu::chat {

/// What a part of a prompt is to a tokenizer.
enum class segment_kind : std::uint8_t {
  text,     ///< text, whatever it contains: `</s>` in it is four characters, not a token
  special,  ///< the token that is spelled like this; text for a vocabulary without it
  bos,      ///< the model's BOS token, which the format writes: what follows starts a text of its own
  eos,      ///< the model's EOS token
  /// The start of the prompt, where the format writes nothing: the BOS token if the model's tokenizer adds one.
  start,
};

/// A part of a prompt. The text of bos and eos is the spelling of the models that the
/// format is from; the model at hand may have another. A start has no text.
struct segment {
  segment_kind kind = segment_kind::text;
  std::string text;

  bool operator==(const segment&) const = default;
};

/// Collects the segments of a prompt. Text after text goes on in one segment.
class segment_writer {
 public:
  void bos(std::string_view spelling = "<s>") { all_.push_back({segment_kind::bos, std::string{spelling}}); }
  void start() { all_.push_back({segment_kind::start, {}}); }
  void eos() { all_.push_back({segment_kind::eos, "</s>"}); }
  void special(std::string_view spelling) { all_.push_back({segment_kind::special, std::string{spelling}}); }
  void text(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
      if (part.empty()) continue;
      if (all_.empty() || all_.back().kind != segment_kind::text) all_.push_back({});
      all_.back().text.append(part);
    }
  }
  [[nodiscard]] std::vector<segment> take() { return std::move(all_); }

 private:
  std::vector<segment> all_;
};

/// The prompt as one text, to look at: encoding that would make tokens of what people typed.
[[nodiscard]] inline std::string joined_text(std::span<const segment> segments) {
  std::string text;
  for (const segment& part : segments) text.append(part.text);
  return text;
}

}  // namespace tulu::chat
