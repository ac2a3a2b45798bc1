#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/core/error.hpp>

namespace tulu::detail {

/// SentencePiece's precompiled character map: texts and what replaces them. Layout: the number of bytes of a trie
/// (u32, little-endian), the trie, the replacements. The trie is a double array of Darts-clone (u32 units); the value
/// of a key is the offset of its replacement, which ends at a NUL. Whatever the bytes say, nothing outside them is
/// read.
class charsmap {
 public:
  struct rule {
    std::size_t length = 0;  ///< bytes replaced; 0: no rule applies
    std::string_view replacement;
  };

  charsmap() = default;
  /// An empty `blob` has no rules. `name` (a file) is named in the error for a blob that is not one.
  charsmap(std::string_view blob, std::string_view name) {
    if (blob.empty()) return;
    const std::size_t trie_size = blob.size() < word ? 0 : unit_at(blob, 0);
    if (blob.size() <= word || trie_size > blob.size() - word)
      throw mismatch_error(
          name, "precompiled_charsmap", "a trie size below " + std::to_string(blob.size()),
          blob.size() <= word ? "only " + std::to_string(blob.size()) + " bytes" : std::to_string(trie_size));
    units_.resize(trie_size / word);
    for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = unit_at(blob, (i + 1) * word);
    replacements_ = blob.substr(word + trie_size);
  }

  [[nodiscard]] bool empty() const noexcept { return units_.empty(); }

  /// The rule for the longest text at the start of `text`. Of more than 32 that are prefixes of each other, the 32nd
  /// shortest is the longest considered. Rules for more than 1024 bytes, which no known map has, are not found: a
  /// damaged trie may go round in a circle.
  [[nodiscard]] rule find(std::string_view text) const noexcept {
    constexpr std::size_t most_results = 32;
    constexpr std::size_t longest_rule = 1024;
    rule found;
    std::size_t results = 0;
    std::uint32_t value = 0;
    walk(text.substr(0, longest_rule), [&](std::size_t length, std::uint32_t key_value) {
      found.length = length;
      value = key_value;
      return ++results < most_results;
    });
    if (found.length != 0) found.replacement = replacement_at(value);
    return found;
  }

  /// Whether a rule is for a prefix of `text`, or for a text that may begin with `text`.
  [[nodiscard]] bool may_start_with(std::string_view text) const noexcept {
    bool found = false;
    const std::size_t walked = walk(text, [&found](std::size_t, std::uint32_t) {
      found = true;
      return false;
    });
    return found || walked == text.size();
  }

 private:
  static constexpr std::size_t word = 4;
  static constexpr std::uint32_t leaf_bit = std::uint32_t{1} << 31;
  static constexpr std::uint32_t label_bits = leaf_bit | 0xFF;
  static constexpr std::uint32_t has_leaf = 1U << 8;

  [[nodiscard]] static std::uint32_t unit_at(std::string_view blob, std::size_t position) noexcept {
    std::uint32_t out = 0;
    for (unsigned i = 0; i < word; ++i)
      out |= static_cast<std::uint32_t>(static_cast<unsigned char>(blob[position + i])) << (8 * i);
    return out;
  }
  [[nodiscard]] static std::size_t offset(std::uint32_t unit) noexcept {
    return static_cast<std::size_t>(unit >> 10) << ((unit & 1U << 9) >> 6);
  }
  [[nodiscard]] std::string_view replacement_at(std::size_t position) const noexcept {
    if (position >= replacements_.size()) return {};
    const std::string_view from = std::string_view{replacements_}.substr(position);
    return from.substr(0, from.find('\0'));
  }

  /// Calls visit(length, value) for the keys at the start of `text`, from the shortest on, until it returns false.
  /// Returns the number of bytes that lead from node to node.
  template <class Visit>
  std::size_t walk(std::string_view text, Visit&& visit) const noexcept {
    if (units_.empty()) return 0;
    std::size_t at = offset(units_[0]);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      at ^= byte;
      if (at >= units_.size() || (units_[at] & label_bits) != byte) return i;
      const std::uint32_t unit = units_[at];
      at ^= offset(unit);
      if ((unit & has_leaf) == 0) continue;
      if (at >= units_.size() || !visit(i + 1, units_[at] & ~leaf_bit)) return i + 1;
    }
    return text.size();
  }

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace tulu::detail
