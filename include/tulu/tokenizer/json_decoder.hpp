#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/json_steps.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Writes `text` with each `rule.pattern` replaced to `out`.
inline void replace_into(std::string_view text, const json_step::replace& rule, std::string& out) {
  out.clear();
  for (;;) {
    const std::size_t at = std::min(text.find(rule.pattern), text.size());
    out.append(text.substr(0, at));
    text.remove_prefix(at);
    if (text.empty()) return;
    out.append(rule.content);
    text.remove_prefix(rule.pattern.size());
  }
}

/// The byte that the decoder ByteFallback reads `piece` as; it takes more for a byte than byte_of_piece: `<0xfF>` and
/// `<0x+F>`, too.
[[nodiscard]] constexpr std::optional<std::uint8_t> byte_of_decoded_piece(std::string_view piece) noexcept {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = piece[3] == '+' ? 4 : 3; i < 5; ++i) {
    const char c = piece[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return static_cast<std::uint8_t>(value);
}

/// Ids → text as the decoders of a tokenizer.json say. Where tokenizers writes U+FFFD for bytes that are no UTF-8, the
/// bytes are kept.
class json_decoder {
 public:
  explicit json_decoder(const tokenizer_json& source) : name_{source.name}, steps_{source.decoders} {
    piecewise_ = is_piecewise();
    std::string one;
    decoded_.reserve(source.pieces.size());
    for (token_id id = 0; id < source.pieces.size(); ++id) {
      const bool hole = source.pieces.kind(id) == piece_kind::unused;
      one = source.pieces.text(id);
      decode_one(one);
      decoded_.push_back(hole ? span_in_text{0, none} : append(one, texts_));
      if (!piecewise_) written_.push_back(append(source.pieces.text(id), texts_));
    }
    texts_.append(block, '\0');
  }

  /// Appends the text of `ids`, which are below the size of the vocabulary. An id without a piece is an error.
  void decode(std::span<const token_id> ids, std::string& out) const {
    if (!piecewise_) return decode_step_by_step(ids, out);
    const std::size_t begin = out.size();
    std::size_t total = 0;
    for (const token_id id : ids) total += decoded(id).size;
    out.resize(begin + total + block);
    char* to = out.data() + begin;
    for (const token_id id : ids) {
      const auto [from, size] = decoded_[id];
      std::memcpy(to, texts_.data() + from, block);
      if (size > block) std::memcpy(to, texts_.data() + from, size);
      to += size;
    }
    out.resize(begin + total);
    for (std::size_t i = joined_; i < steps_->size(); ++i)
      strip_end(std::get<json_step::strip>((*steps_)[i]), begin, out);
  }

  /// Appends what `id` stands for in the middle of a text.
  void decode_piece(token_id id, std::string& out) const {
    const span_in_text piece = decoded(id);
    out.append(texts_, piece.begin, piece.size);
  }

 private:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  /// Short pieces are copied as so many bytes, whatever their length.
  static constexpr std::size_t block = 16;

  /// Where a text is in texts_.
  struct span_in_text {
    std::uint32_t begin, size;
  };
  [[nodiscard]] span_in_text append(std::string_view text, std::string& to) const {
    if (text.size() + to.size() >= none)
      throw mismatch_error(name_, "model.vocab", "pieces of less than 4 GiB", "longer ones");
    const span_in_text span{static_cast<std::uint32_t>(to.size()), static_cast<std::uint32_t>(text.size())};
    to += text;
    return span;
  }

  /// Where the text of `id` is in the middle of a text.
  [[nodiscard]] const span_in_text& decoded(token_id id) const {
    if (decoded_[id].size == none)
      throw mismatch_error(name_, "id " + std::to_string(id), "an id of the vocabulary", "one that no piece has");
    return decoded_[id];
  }

  /// Whether the text of ids is the texts of each id, joined, with characters stripped off it: the usual decoders.
  /// Sets joined_ to the first step after the joining.
  [[nodiscard]] bool is_piecewise() {
    if (!steps_) return false;
    bool bytes = false;
    bool fused = false;
    joined_ = steps_->size();
    for (std::size_t i = 0; i < steps_->size(); ++i) {
      const json_step::decoder& step = (*steps_)[i];
      if (std::holds_alternative<json_step::metaspace>(step)) return false;
      if (fused) {
        if (!std::holds_alternative<json_step::strip>(step)) return false;
      } else if (std::holds_alternative<json_step::fuse>(step)) {
        fused = true;
        joined_ = i + 1;
      } else if (bytes) {
        return false;
      } else {
        bytes = std::holds_alternative<json_step::byte_fallback>(step);
      }
    }
    return true;
  }

  /// `piece` as it is decoded in the middle of a text.
  void decode_one(std::string& piece) const {
    if (!steps_) {
      piece.insert(0, 1, ' ');
      return;
    }
    std::string scratch;
    bool fused = false;
    for (const json_step::decoder& step : *steps_) {
      fused = fused || std::holds_alternative<json_step::fuse>(step);
      if (const auto* const rule = std::get_if<json_step::replace>(&step)) {
        replace_into(piece, *rule, scratch);
        piece.swap(scratch);
      } else if (const auto* const metaspace = std::get_if<json_step::metaspace>(&step)) {
        replace_into(piece, {metaspace->replacement, " "}, scratch);
        piece.swap(scratch);
      } else if (const auto* const strip = std::get_if<json_step::strip>(&step); strip != nullptr && !fused) {
        strip_end(*strip, 0, piece);
      } else if (std::holds_alternative<json_step::byte_fallback>(step)) {
        if (const auto byte = byte_of_decoded_piece(piece)) piece.assign(1, static_cast<char>(*byte));
      }
    }
  }

  void decode_step_by_step(std::span<const token_id> ids, std::string& out) const {
    std::vector<std::string> parts;
    for (const token_id id : ids) {
      (void)decoded(id);
      parts.emplace_back(texts_, written_[id].begin, written_[id].size);
    }
    if (steps_)
      for (const json_step::decoder& step : *steps_)
        std::visit([&parts](const auto& rule) { apply(rule, parts); }, step);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!steps_ && i > 0) out += ' ';
      out += parts[i];
    }
  }

  static void apply(const json_step::replace& rule, std::vector<std::string>& parts) {
    std::string scratch;
    for (std::string& part : parts) {
      replace_into(part, rule, scratch);
      part.swap(scratch);
    }
  }
  static void apply(const json_step::metaspace& rule, std::vector<std::string>& parts) {
    if (parts.empty()) return;
    const bool drop = rule.scheme != json_step::prepend_scheme::never;
    std::string scratch;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      replace_into(parts[i], {rule.replacement, i == 0 && drop ? "" : " "}, scratch);
      parts[i].swap(scratch);
    }
  }
  static void apply(const json_step::strip& rule, std::vector<std::string>& parts) {
    for (std::string& part : parts) strip_end(rule, 0, part);
  }
  static void apply(const json_step::fuse&, std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) all += part;
    parts.assign(1, std::move(all));
  }
  /// Bytes in a row that are UTF-8 together become one part, others one part each.
  static void apply(const json_step::byte_fallback&, std::vector<std::string>& parts) {
    std::vector<std::string> decoded;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_utf8(bytes)) {
        decoded.push_back(bytes);
      } else {
        for (const char byte : bytes) decoded.emplace_back(1, byte);
      }
      bytes.clear();
    };
    for (std::string& part : parts) {
      if (const auto byte = byte_of_decoded_piece(part)) {
        bytes += static_cast<char>(*byte);
      } else {
        flush();
        decoded.push_back(std::move(part));
      }
    }
    flush();
    parts.swap(decoded);
  }
  /// Strips both ends of what stands in `text` from `begin` on.
  static void strip_end(const json_step::strip& rule, std::size_t begin, std::string& text) {
    const std::string_view whole = std::string_view{text}.substr(begin);
    const std::size_t length = rule.content.size();
    std::size_t left = 0;
    for (std::size_t i = 0; i < rule.start && whole.substr(left).starts_with(rule.content); ++i) left += length;
    std::size_t right = whole.size();
    for (std::size_t i = 0; i < rule.stop && whole.substr(0, right).ends_with(rule.content); ++i) right -= length;
    text.resize(begin + std::max(left, right));
    text.erase(begin, left);
  }

  std::string name_;
  std::optional<std::vector<json_step::decoder>> steps_;
  bool piecewise_ = false;
  std::size_t joined_ = 0;
  std::string texts_;
  std::vector<span_in_text> decoded_;
  std::vector<span_in_text> written_;  ///< the pieces as they are, unless piecewise_
};

}  // namespace tulu::detail
