#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/json_place.hpp>
#include <tulu/tokenizer/json_steps.hpp>
#include <tulu/tokenizer/split_pattern.hpp>

namespace tulu {

/// What the pre-tokenizers of a tokenizer.json with byte-level BPE do.
struct json_byte_level {
  split_pattern pattern = split_pattern::gpt2;
  bool add_prefix_space = false;
};

namespace detail {

/// Reads the pre-tokenizers ByteLevel; Split with a known pattern and ByteLevel; Digits and ByteLevel.
class json_byte_level_reader {
 public:
  /// Nothing when ByteLevel is not among the pre-tokenizers. An error for other steps beside it, other patterns, and
  /// settings that no tokenizer of LLaMA's family has.
  [[nodiscard]] std::optional<json_byte_level> read(const json_place& pre_tokenizer) {
    bool found = false;
    for_each_step(pre_tokenizer, "pretokenizers",
                  [&](const json_place&, const json_place&, std::string_view name) { found |= name == "ByteLevel"; });
    if (!found) return std::nullopt;
    for_each_step(
        pre_tokenizer, "pretokenizers",
        [this](const json_place& step, const json_place& type, std::string_view name) { read_step(step, type, name); });
    if (!done_) throw pre_tokenizer.wrong("ByteLevel last");
    return out_;
  }

 private:
  void read_step(const json_place& step, const json_place& type, std::string_view name) {
    if (done_) throw type.wrong("ByteLevel last");
    if (name == "ByteLevel") return read_byte_level(step);
    if (name != "Split" && name != "Digits")
      throw type.wrong("a pre-tokenizer of byte-level BPE (Split, Digits, ByteLevel, Sequence)");
    if (before_) throw type.wrong("ByteLevel after one Split or Digits");
    before_ = name == "Split" ? split_at_pattern(step) : split_digits(step);
  }
  [[nodiscard]] static split_pattern split_at_pattern(const json_place& step) {
    const json_place regex = step.at("pattern").at("Regex");
    const auto text = regex.as<std::string>();
    const auto pattern = parse_split_pattern(text);
    if (!pattern) throw regex.wrong("the pattern of GPT-2, Llama 3 or Qwen2", printable(text, 400));
    // Every character is in some match: matches that stand alone are the same as nothing removed but what is between.
    const json_place behavior = step.at("behavior");
    const bool invert = step.at("invert").as<bool>();
    if (behavior.as<std::string>() != (invert ? "Removed" : "Isolated"))
      throw behavior.wrong(invert ? "\"Removed\"" : "\"Isolated\"");
    return *pattern;
  }
  [[nodiscard]] static split_pattern split_digits(const json_place& step) {
    const json_place individual = step.at("individual_digits");
    if (!individual.as<bool>()) throw individual.wrong("true");
    return split_pattern::smollm;
  }
  void read_byte_level(const json_place& step) {
    done_ = true;
    out_.add_prefix_space = step.value_or("add_prefix_space", true);
    const bool splits = step.value_or("use_regex", true);
    if (before_ && out_.add_prefix_space) throw step.at("add_prefix_space").wrong("false after another step");
    const bool digits = before_ == split_pattern::smollm;
    if (before_ && splits != digits)
      throw step.at("use_regex").wrong(digits ? "true after Digits" : "false after Split");
    out_.pattern = before_.value_or(splits ? split_pattern::gpt2 : split_pattern::none);
  }

  json_byte_level out_;
  std::optional<split_pattern> before_;
  bool done_ = false;
};

}  // namespace detail

}  // namespace tulu
