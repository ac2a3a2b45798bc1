#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/mode.hpp>

namespace tulu {

/// A special token under the attribute of transformers that names it.
struct named_token {
  std::string key;  ///< bos_token, eos_token, …, or additional_special_tokens, which may name several
  added_token token;
};

/// What the Hugging Face files beside a model say about its tokenizer.
struct tokenizer_config {
  std::string folder;  ///< for messages
  bool found = false;  ///< whether any of the files was there
  /// In the order of transformers' SPECIAL_TOKENS_ATTRIBUTES, with those that the class LlamaTokenizer sets when no
  /// file does. Their ids are not known here.
  std::vector<named_token> special_tokens;
  /// Tokens with the ids that a file gives them, in its order. Of two for one id, only the one that counts.
  std::vector<added_token> added_tokens;
  std::string added_tokens_file;  ///< the file that named the last of them

  std::string tokenizer_class = "LlamaTokenizer";
  bool add_bos_token = true;
  bool add_eos_token = false;
  bool add_prefix_space = true;               ///< mode hf: encoding starts with a blank
  bool split_special_tokens = false;          ///< mode hf: special tokens in text are text
  bool clean_up_tokenization_spaces = false;  ///< decoding takes blanks before punctuation out
  std::optional<bool> legacy;
  std::optional<std::size_t> model_max_length;  ///< none: no limit
  std::optional<std::string> chat_template;     ///< the one named "default" where there are several
  std::vector<std::string> warnings;            ///< what files disagree on, and which of them counts

  /// The text of the special token `key`.
  [[nodiscard]] std::optional<std::string> token(std::string_view key) const {
    for (const named_token& special : special_tokens)
      if (special.key == key) return special.token.content;
    return std::nullopt;
  }
};

namespace detail {

inline constexpr std::string_view special_token_keys[] = {
    "bos_token", "eos_token", "unk_token",  "sep_token",
    "pad_token", "cls_token", "mask_token", "additional_special_tokens"};

/// Reads the files of one folder. The rules for what counts are those of PreTrainedTokenizerBase._from_pretrained.
class tokenizer_config_reader {
 public:
  /// Without a folder there are no files.
  tokenizer_config_reader(std::optional<std::filesystem::path> folder, tokenizer_mode mode)
      : has_folder_{folder.has_value()},
        folder_{std::move(folder).value_or(std::filesystem::path{})},
        old_{mode == tokenizer_mode::hf_legacy} {}

  [[nodiscard]] tokenizer_config read() {
    const auto config = load("tokenizer_config.json");
    const auto map = load("special_tokens_map.json");
    const auto added = load("added_tokens.json");
    out_.folder = folder_.string();
    out_.found = config || map || added;
    if (config) read_settings(*config);
    decoder_ = config && !old_ ? member(*config, "added_tokens_decoder") : nullptr;
    for (const std::string_view key : special_token_keys) read_special(key, config, map);
    if (decoder_ != nullptr) {
      read_decoder(*decoder_, path_of("tokenizer_config.json"));
      if (added) compare_added(*added);
    } else {
      if (added) read_added(*added);
      if (!old_) read_tokenizer_json();
    }
    if (old_ && config) report_unread_decoder(*config);
    return std::move(out_);
  }

 private:
  using json = io::json;

  [[nodiscard]] std::string path_of(std::string_view name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::optional<json> load(std::string_view name) const {
    if (!has_folder_ || !std::filesystem::exists(folder_ / name)) return std::nullopt;
    json content = io::load_json(folder_ / name);
    if (!content.is_object()) throw mismatch_error(path_of(name), "", "a JSON object", io::describe(content));
    return content;
  }
  [[nodiscard]] static const json* member(const json& object, std::string_view key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }

  void read_settings(const json& config) {
    const std::string file = path_of("tokenizer_config.json");
    const auto flag = [&](std::string_view key, bool& value) {
      if (const auto given = io::optional_value<bool>(config, key, file)) value = *given;
    };
    flag("add_bos_token", out_.add_bos_token);
    flag("add_eos_token", out_.add_eos_token);
    flag("add_prefix_space", out_.add_prefix_space);
    flag("split_special_tokens", out_.split_special_tokens);
    flag("clean_up_tokenization_spaces", out_.clean_up_tokenization_spaces);
    out_.tokenizer_class = io::optional_value<std::string>(config, "tokenizer_class", file).value_or("LlamaTokenizer");
    out_.legacy = io::optional_value<bool>(config, "legacy", file);
    // Without a limit, the files say 10^30.
    if (const auto limit = io::optional_value<double>(config, "model_max_length", file); limit && *limit < 1e15)
      out_.model_max_length = io::optional_value<std::size_t>(config, "model_max_length", file);
    if (const json* text = member(config, "chat_template"); text != nullptr && text->is_array()) {
      for (const json& item : *text)
        if (io::required<std::string>(item, "name", file) == "default")
          out_.chat_template = io::required<std::string>(item, "template", file);
    } else {
      out_.chat_template = io::optional_value<std::string>(config, "chat_template", file);
    }
  }

  /// An AddedToken as the files have it, an object. Its id is left 0.
  [[nodiscard]] static added_token read_token(const json& value, std::string_view key, std::string_view file) {
    if (!value.is_object())
      throw mismatch_error(file, printable(key), "a token (a string or an object)", io::describe(value));
    const std::string place = std::string{file} + ": " + printable(key);
    const auto flag = [&](std::string_view name) {
      return io::optional_value<bool>(value, name, place).value_or(false);
    };
    added_token token;
    token.content = io::required<std::string>(value, "content", place);
    token.special = flag("special");
    token.single_word = flag("single_word");
    token.lstrip = flag("lstrip");
    token.rstrip = flag("rstrip");
    token.normalized = io::optional_value<bool>(value, "normalized", place).value_or(!token.special);
    return token;
  }
  /// The tokens that `value` names for the attribute `key`. A blank one, as some old models have it, is left out.
  [[nodiscard]] std::vector<added_token> read_tokens(const json& value, std::string_view key, const std::string& file) {
    const bool list = key == special_token_keys[7];
    if (value.is_null()) return {};
    if (list && !value.is_array())
      throw mismatch_error(file, printable(key), "an array of tokens", io::describe(value));
    std::vector<added_token> tokens;
    for (const json& item : list ? value : json::array({value})) {
      added_token token;
      if (const auto text = io::json_as<std::string>(item)) {
        token.content = *text;
        token.plain_string = true;
        token.normalized = false;
      } else {
        token = read_token(item, key, file);
      }
      token.special = true;
      if (!token.content.empty()) {
        tokens.push_back(std::move(token));
      } else {
        warn(file + ": " + std::string{key} + " is blank and counts as absent");
      }
    }
    return tokens;
  }

  /// special_tokens_map.json comes after tokenizer_config.json, which comes after the defaults of LlamaTokenizer. With
  /// an added_tokens_decoder, transformers 4.40 does not read special_tokens_map.json. LlamaTokenizer makes AddedTokens
  /// of the strings that it is given for four of the keys; in 4.30, those of special_tokens_map.json do not pass it.
  void read_special(std::string_view key, const std::optional<json>& config, const std::optional<json>& map) {
    const std::string config_file = path_of("tokenizer_config.json");
    const std::string map_file = path_of("special_tokens_map.json");
    const json* const in_config = config ? member(*config, key) : nullptr;
    const json* const in_map = map ? member(*map, key) : nullptr;
    const bool wrapped = key == "bos_token" || key == "eos_token" || key == "unk_token" || key == "pad_token";
    if (in_config != nullptr || (in_map != nullptr && decoder_ == nullptr)) named_.emplace(key);
    std::vector<added_token> tokens;
    if (in_config != nullptr) {
      tokens = read_tokens(*in_config, key, config_file);
      for (added_token& token : tokens) token.plain_string = token.plain_string && !wrapped;
    } else if (const auto text = default_token(key)) {
      // With no file at all, mode hf-legacy means the tokenizer in training, which named them as plain strings.
      added_token token{.content = std::string{*text}, .special = true, .normalized = false};
      token.plain_string = old_ && !out_.found;
      tokens.push_back(std::move(token));
    }
    if (in_map != nullptr) {
      auto mapped = read_tokens(*in_map, key, map_file);
      report_conflict(key, in_config, tokens, mapped);
      if (decoder_ == nullptr) {
        const bool joined = !old_ && key == special_token_keys[7];
        if (!joined) tokens.clear();
        tokens.insert(tokens.end(), mapped.begin(), mapped.end());
      }
    }
    for (added_token& token : tokens) {
      token.plain_string = token.plain_string && (old_ || !wrapped);
      special_.insert(token.content);
      out_.special_tokens.push_back({std::string{key}, std::move(token)});
    }
  }
  [[nodiscard]] static std::optional<std::string_view> default_token(std::string_view key) noexcept {
    if (key == "bos_token") return "<s>";
    if (key == "eos_token") return "</s>";
    if (key == "unk_token") return "<unk>";
    return std::nullopt;
  }

  void read_added(const json& added) {
    const std::string file = path_of("added_tokens.json");
    for (const auto& [content, id] : added.items()) {
      const token_id number = io::required<token_id>(added, content, file);
      add({.content = content, .id = number, .special = is_special(content), .normalized = !is_special(content)}, file);
    }
  }
  void read_decoder(const json& decoder, const std::string& file) {
    if (!decoder.is_object())
      throw mismatch_error(file, "added_tokens_decoder", "a JSON object", io::describe(decoder));
    for (const auto& [key, value] : decoder.items()) {
      added_token token = read_token(value, "added_tokens_decoder: " + key, file);
      const auto end = key.data() + key.size();
      const auto [rest, failure] = std::from_chars(key.data(), end, token.id);
      if (failure != std::errc{} || rest != end)
        throw mismatch_error(file, "added_tokens_decoder", "ids as keys", "\"" + printable(key) + "\"");
      add(std::move(token), file);
    }
    apply_flags();
  }
  /// A slow tokenizer of transformers 4.40 takes the added tokens of tokenizer.json too, over those of
  /// added_tokens.json, when tokenizer_config.json has none.
  void read_tokenizer_json() {
    const std::string file = path_of("tokenizer.json");
    const auto content = load("tokenizer.json");
    const json* const added = content ? member(*content, "added_tokens") : nullptr;
    if (added == nullptr || added->is_null()) return;
    if (!added->is_array()) throw mismatch_error(file, "added_tokens", "an array", io::describe(*added));
    std::vector<added_token> before = std::exchange(out_.added_tokens, {});
    by_id_.clear();
    for (const json& item : *added) {
      added_token token = read_token(item, "added_tokens", file);
      token.id = io::required<token_id>(item, "id", file + ": added_tokens");
      add(std::move(token), file);
    }
    for (const added_token& token : before) report_added(token, "tokenizer.json");
    std::erase_if(before, [this](const added_token& token) { return by_id_.contains(token.id); });
    apply_flags();
    out_.added_tokens.insert(out_.added_tokens.begin(), before.begin(), before.end());
  }
  void add(added_token token, const std::string& file) {
    if (const auto [other, fresh] = by_id_.try_emplace(token.id, token.content); !fresh)
      throw mismatch_error(file, printable(token.content), "an id of its own",
                           "id " + std::to_string(token.id) + ", which " + printable(other->second) + " has");
    out_.added_tokens.push_back(std::move(token));
    out_.added_tokens_file = file;
  }
  /// A special token that a file names and that is an added one too has the flags given there, except those of
  /// additional_special_tokens.
  void apply_flags() {
    for (named_token& special : out_.special_tokens) {
      if (special.key == special_token_keys[7] || !named_.contains(special.key)) continue;
      for (const added_token& token : out_.added_tokens)
        if (token.content == special.token.content) {
          special.token = token;
          special.token.special = true;
        }
    }
  }

  [[nodiscard]] bool is_special(const std::string& content) const { return special_.contains(content); }

  void warn(std::string text) { out_.warnings.push_back(std::move(text)); }
  [[nodiscard]] static std::string listed(const std::vector<added_token>& tokens) {
    std::string text;
    for (const added_token& token : tokens) text.append(text.empty() ? "" : " ").append(printable(token.content));
    return text.empty() ? "none" : text;
  }
  void report_conflict(std::string_view key, const json* in_config, const std::vector<added_token>& config,
                       const std::vector<added_token>& map) {
    if (in_config == nullptr && decoder_ == nullptr) return;
    const std::string one = listed(map);
    const std::string other = listed(config);
    // An absent value is no statement of its own: files saved by transformers leave tokens added later out of one.
    if (one == other || (config.empty() && decoder_ == nullptr)) return;
    warn(out_.folder + ": special_tokens_map.json says " + std::string{key} + " " + one +
         ", tokenizer_config.json says " + other + ": " +
         (decoder_ == nullptr ? "special_tokens_map.json" : "tokenizer_config.json") + " counts");
  }
  /// `token` is one of added_tokens.json, another file counts.
  void report_added(const added_token& token, const std::string& counts) {
    const auto other = by_id_.find(token.id);
    if (other != by_id_.end() && other->second == token.content) return;
    warn(out_.folder + ": added_tokens.json says " + printable(token.content) + " has id " + std::to_string(token.id) +
         ", " + counts + " says " +
         (other != by_id_.end() ? printable(other->second) + " has it" : "nothing of the id") + ": " + counts +
         " counts");
  }
  void compare_added(const json& added) {
    const std::string file = path_of("added_tokens.json");
    for (const auto& [content, id] : added.items())
      report_added({.content = content, .id = io::required<token_id>(added, content, file)}, "tokenizer_config.json");
  }
  /// transformers 4.30 does not know added_tokens_decoder.
  void report_unread_decoder(const json& config) {
    const json* const decoder = member(config, "added_tokens_decoder");
    if (decoder == nullptr || !decoder->is_object()) return;
    std::set<std::string_view> known;
    for (const added_token& token : out_.added_tokens) known.insert(token.content);
    for (const auto& [key, value] : decoder->items()) {
      const added_token token = read_token(value, "added_tokens_decoder: " + key, path_of("tokenizer_config.json"));
      if (is_special(token.content) || known.contains(token.content)) continue;
      warn(out_.folder + ": added_tokens_decoder of tokenizer_config.json names " + printable(token.content) +
           ", added_tokens.json does not: mode hf-legacy, which knows only the latter, takes it for text");
    }
  }

  bool has_folder_;
  std::filesystem::path folder_;
  bool old_;  ///< the rules of transformers 4.30, else 4.40
  const json* decoder_ = nullptr;
  std::set<std::string> named_;  ///< the keys of special tokens that a file which counts has
  std::set<std::string> special_;
  std::map<token_id, std::string> by_id_;  ///< the added tokens
  tokenizer_config out_;
};

}  // namespace detail

/// Reads tokenizer_config.json, special_tokens_map.json, added_tokens.json and, where transformers 4.40 does so, the
/// added tokens of tokenizer.json from `folder`; each of them may be missing. What counts where files disagree is what
/// counts for the transformers of `mode`, and each disagreement is one of the warnings:
/// - hf-legacy (4.30): special_tokens_map.json over tokenizer_config.json; a special token that it names as a plain
///   string is one, whatever tokenizer_config.json says. Added tokens are those of added_tokens.json.
/// - the others (4.40): with added_tokens_decoder in tokenizer_config.json that file alone counts. Without,
///   special_tokens_map.json over tokenizer_config.json, and the added tokens of tokenizer.json over added_tokens.json.
/// Without any file the special tokens are `<s>`, `</s>` and `<unk>`; in mode hf-legacy as plain strings, as in the
/// training of Tulu, Alpaca and Vicuna v1 (4.30 itself would keep the whitespace round them then).
///
/// Differences on purpose: a blank special token, which transformers 4.30 gives an id of its own, counts as absent; an
/// AddedToken need not say that it is one ("__type"). Errors name file and key: a value of the wrong type, an id given
/// twice in one file.
[[nodiscard]] inline tokenizer_config load_tokenizer_config(const std::filesystem::path& folder, tokenizer_mode mode) {
  return detail::tokenizer_config_reader{folder, mode}.read();
}

/// What `load_tokenizer_config` gives for a folder without any of the files.
[[nodiscard]] inline tokenizer_config default_tokenizer_config(tokenizer_mode mode) {
  return detail::tokenizer_config_reader{std::nullopt, mode}.read();
}

}  // namespace tulu
