#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

static_assert(std::endian::native == std::endian::little, "a word is masked as a little-endian number");

/// The ids of words seen before, by the bytes of the word, for words that fit, with their length, into `Numbers`
/// numbers of 64 bits. Two words to a place, of which the older one goes when a third comes; the table grows with the
/// words it is given, up to 2^MostBits places.
template <std::size_t Numbers, unsigned MostBits>
class word_cache {
 public:
  static constexpr std::size_t longest_word = Numbers * 8 - 1;
  static constexpr std::size_t most_ids = Numbers * 2 - 1;

  /// A word, padded with zeros; the last byte is its length, with the highest bit set for parts of words.
  using key = std::array<std::uint64_t, Numbers>;

  struct entry {
    key word{};
    std::array<token_id, most_ids + 1> ids{};  ///< the last one is their number; 0: no word

    [[nodiscard]] std::size_t count() const noexcept { return ids[most_ids]; }
  };

  /// Forgets all words.
  void clear() {
    places_.assign(std::size_t{1} << first_bits, place{});
    inserted_ = 0;
  }

  /// The key for a part of words, which may have other ids than the same text as a word.
  [[nodiscard]] static key part_key_of(std::string_view part, std::size_t readable) noexcept {
    key out = key_of(part, readable);
    out[Numbers - 1] |= std::uint64_t{1} << 63;
    return out;
  }
  /// The key of a word; `readable` bytes, at least the word's own, may be read from its start.
  [[nodiscard]] static key key_of(std::string_view word, std::size_t readable) noexcept {
    char padded[Numbers * 8] = {};
    const char* from = word.data();
    if (readable < sizeof padded) {
      std::memcpy(padded, word.data(), word.size());
      from = padded;
    }
    key out;
    for (std::size_t i = 0; i < Numbers; ++i) out[i] = load(from + 8 * i) & masks[word.size()][i];
    out[Numbers - 1] |= std::uint64_t{word.size()} << 56;
    return out;
  }

  /// The entry of `word`, or nullptr.
  [[nodiscard]] const entry* find(const key& word) const noexcept {
    const place& own = places_[place_of(word)];
    if (same(own.newer.word, word)) return &own.newer;
    return same(own.older.word, word) ? &own.older : nullptr;
  }

  /// Remembers a word that is not there, with 1 to `most_ids` ids.
  const entry* insert(const key& word, std::span<const token_id> ids) {
    if (++inserted_ > places_.size() && places_.size() >> MostBits == 0) grow();
    entry made{word, {}};
    std::copy(ids.begin(), ids.end(), made.ids.begin());
    made.ids[most_ids] = static_cast<token_id>(ids.size());
    return put(made);
  }

 private:
  static constexpr unsigned first_bits = 6;

  struct alignas(64) place {
    entry newer, older;
  };

  [[nodiscard]] static std::uint64_t load(const char* from) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, from, 8);
    return value;
  }
  [[nodiscard]] static bool same(const key& one, const key& other) noexcept {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < Numbers; ++i) difference |= one[i] ^ other[i];
    return difference == 0;
  }
  [[nodiscard]] std::size_t place_of(const key& word) const noexcept {
    constexpr std::array<std::uint64_t, 4> factors{0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xC2B2AE3D27D4EB4F,
                                                   0xA0761D6478BD642F};
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < Numbers; ++i) hash ^= word[i] * factors[i];
    return ((hash ^ hash >> 32) * factors[0] >> 40) & (places_.size() - 1);
  }
  const entry* put(const entry& made) noexcept {
    place& own = places_[place_of(made.word)];
    own.older = own.newer;
    own.newer = made;
    return &own.newer;
  }
  void grow() {
    const auto old = std::exchange(places_, std::vector<place>(places_.size() * 4));
    for (const place& from : old) {
      if (from.older.count() != 0) put(from.older);
      if (from.newer.count() != 0) put(from.newer);
    }
  }

  /// The bits of the numbers that belong to a word, by its length.
  static constexpr auto masks = [] {
    std::array<key, longest_word + 1> out{};
    for (std::size_t length = 0; length <= longest_word; ++length)
      for (std::size_t byte = 0; byte < length; ++byte) out[length][byte / 8] |= std::uint64_t{0xFF} << byte % 8 * 8;
    return out;
  }();

  std::vector<place> places_;
  std::size_t inserted_ = 0;
};

}  // namespace tulu::detail
