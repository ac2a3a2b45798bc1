#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/json_place.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The steps of tokenizer.json round its model, as tokenizers 0.19.1 names them. A Sequence is written out.
namespace json_step {

/// Normalizer: `text` before what is not empty.
struct prepend {
  std::string text;
};

/// Normalizer and decoder: each `pattern`, not empty, becomes `content`.
struct replace {
  std::string pattern, content;
};

enum class prepend_scheme : std::uint8_t { first, never, always };

/// Pre-tokenizer and decoder: blanks are written as `replacement`, one character.
struct metaspace {
  std::string replacement;
  prepend_scheme scheme = prepend_scheme::always;
  bool split = true;  ///< before each replacement
};

enum class split_behavior : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Pre-tokenizer: cuts round each `pattern`, not empty, or with `invert` round what is between them.
struct split {
  std::string pattern;
  split_behavior behavior = split_behavior::removed;
  bool invert = false;
};

/// Decoder: pieces of bytes become their bytes.
struct byte_fallback {};

/// Decoder: all pieces become one.
struct fuse {};

/// Decoder: drops up to `start` characters `content` from the left of each piece and up to `stop` from its right.
struct strip {
  std::string content;
  std::size_t start = 0;
  std::size_t stop = 0;
};

using normalizer = std::variant<prepend, replace>;
using pre_tokenizer = std::variant<metaspace, split>;
using decoder = std::variant<replace, byte_fallback, fuse, strip, metaspace>;

}  // namespace json_step

namespace detail {

[[nodiscard]] inline std::string character_at(const json_place& place) {
  auto text = place.as<std::string>();
  if (text.empty() || read_utf8(text).length != text.size()) throw place.wrong("one character");
  return text;
}

/// A pattern of Replace or Split: {"String": …}, or {"Regex": …} that is no more than a string.
[[nodiscard]] inline std::string pattern_at(const json_place& place) {
  if (const auto text = place.find("String")) {
    auto pattern = text->as<std::string>();
    if (pattern.empty()) throw text->wrong("a pattern");
    return pattern;
  }
  const json_place regex = place.at("Regex");
  auto pattern = regex.as<std::string>();
  if (pattern.empty() || pattern.find_first_of("\\.+*?()|[]{}^$") != pattern.npos)
    throw regex.wrong("a pattern without regular expressions");
  return pattern;
}

[[nodiscard]] inline json_step::replace replace_at(const json_place& place) {
  return {pattern_at(place.at("pattern")), place.at("content").as<std::string>()};
}

[[nodiscard]] inline json_step::prepend_scheme prepend_scheme_at(const json_place& place) {
  const auto name = place.as<std::string>();
  if (name == "first") return json_step::prepend_scheme::first;
  if (name == "never") return json_step::prepend_scheme::never;
  if (name == "always") return json_step::prepend_scheme::always;
  throw place.wrong("\"first\", \"never\" or \"always\"");
}

/// Files of tokenizers before 0.14 have add_prefix_space instead of prepend_scheme.
[[nodiscard]] inline json_step::metaspace metaspace_at(const json_place& place) {
  json_step::metaspace step{character_at(place.at("replacement"))};
  const bool prefix = place.value_or("add_prefix_space", true);
  step.scheme = prefix ? json_step::prepend_scheme::always : json_step::prepend_scheme::never;
  step.split = place.value_or("split", true);
  if (const auto scheme = place.find("prepend_scheme")) {
    step.scheme = prepend_scheme_at(*scheme);
    if (!prefix && step.scheme != json_step::prepend_scheme::never)
      throw scheme->wrong("\"never\", as add_prefix_space says");
  }
  return step;
}

[[nodiscard]] inline json_step::split split_at(const json_place& place) {
  static constexpr std::array<std::string_view, 5> names{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                                         "Contiguous"};
  const json_place behavior = place.at("behavior");
  const auto name = behavior.as<std::string>();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (name == names[i])
      return {pattern_at(place.at("pattern")), static_cast<json_step::split_behavior>(i),
              place.at("invert").as<bool>()};
  throw behavior.wrong("a behavior of Split");
}

[[nodiscard]] inline json_step::strip strip_at(const json_place& place) {
  return {character_at(place.at("content")), place.at("start").as<std::size_t>(), place.at("stop").as<std::size_t>()};
}

/// Calls read(step, type) for the step at `place` or, when that is a Sequence, for each one in its list `key`.
template <class Read>
void for_each_step(const json_place& place, std::string_view key, Read&& read) {
  const json_place type = place.at("type");
  const auto name = type.template as<std::string>();
  if (name != "Sequence") return read(place, type, name);
  place.at(key).for_each([&](const json_place& step) { for_each_step(step, key, read); });
}

[[nodiscard]] inline std::vector<json_step::normalizer> read_normalizers(const json_place& place) {
  std::vector<json_step::normalizer> steps;
  for_each_step(place, "normalizers", [&](const json_place& step, const json_place& type, std::string_view name) {
    if (name == "Prepend") return steps.push_back(json_step::prepend{step.at("prepend").as<std::string>()});
    if (name == "Replace") return steps.push_back(replace_at(step));
    throw type.wrong("a normalizer of LLaMA's family (Prepend, Replace, Sequence)");
  });
  return steps;
}

[[nodiscard]] inline std::vector<json_step::pre_tokenizer> read_pre_tokenizers(const json_place& place) {
  std::vector<json_step::pre_tokenizer> steps;
  for_each_step(place, "pretokenizers", [&](const json_place& step, const json_place& type, std::string_view name) {
    if (name == "Metaspace") return steps.push_back(metaspace_at(step));
    if (name == "Split") return steps.push_back(split_at(step));
    throw type.wrong("a pre-tokenizer of LLaMA's family (Metaspace, Split, Sequence)");
  });
  return steps;
}

[[nodiscard]] inline std::vector<json_step::decoder> read_decoders(const json_place& place) {
  std::vector<json_step::decoder> steps;
  for_each_step(place, "decoders", [&](const json_place& step, const json_place& type, std::string_view name) {
    if (name == "Replace") return steps.push_back(replace_at(step));
    if (name == "ByteFallback") return steps.push_back(json_step::byte_fallback{});
    if (name == "Fuse") return steps.push_back(json_step::fuse{});
    if (name == "Strip") return steps.push_back(strip_at(step));
    if (name == "Metaspace") return steps.push_back(metaspace_at(step));
    throw type.wrong("a decoder of LLaMA's family (Replace, ByteFallback, Fuse, Strip, Metaspace, Sequence)");
  });
  return steps;
}

}  // namespace detail

}  // namespace tulu
