#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/added_token.hpp>
#include <tulu/tokenizer/json_byte_level.hpp>
#include <tulu/tokenizer/json_place.hpp>
#include <tulu/tokenizer/json_steps.hpp>
#include <tulu/tokenizer/merge_rules.hpp>
#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/spelled_pieces.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// A fast tokenizer of LLaMA's family: what `tokenizer.json` says, checked. Truncation and padding are left out.
struct tokenizer_json {
  std::string name;  ///< the file, for messages

  /// The model's pieces and the added tokens, by id. An id that belongs to none of them has no text and kind unused.
  vocabulary pieces;
  std::vector<token_id> not_in_model;  ///< the ids of the added tokens that are no pieces of the model
  std::vector<detail::merge_table::rule> merges;
  bool byte_fallback = false;
  std::array<token_id, 256> byte_ids{};  ///< the byte pieces by value; meaningful with byte_fallback
  std::optional<token_id> unk_id;
  bool fuse_unk = false;
  bool ignore_merges = false;  ///< a text that is a piece becomes that piece, whatever the merges say

  std::vector<added_token> added_tokens;  ///< in the order of the file
  /// Byte-level BPE, which has no further steps.
  std::optional<json_byte_level> byte_level;
  std::vector<json_step::normalizer> normalizers;
  std::vector<json_step::pre_tokenizer> pre_tokenizers;
  /// None: the pieces are joined with blanks.
  std::optional<std::vector<json_step::decoder>> decoders;

  /// The ids that the post-processor puts before and after a text. No pipeline does.
  std::vector<token_id> bos_ids, eos_ids;
};

namespace detail {

/// Reads one tokenizer.json.
class tokenizer_json_reader {
 public:
  explicit tokenizer_json_reader(const json_place& root) : root_{root} { out_.name = root.file(); }

  [[nodiscard]] tokenizer_json read() {
    if (const auto version = root_.find("version"); version && !version->as<std::string>().starts_with("1."))
      throw version->wrong("version 1");
    const json_place model = root_.at("model");
    read_model_options(model);
    read_vocabulary(model.at("vocab"));
    if (const auto added = root_.find("added_tokens")) read_added_tokens(*added);
    fill_pieces();
    read_merges(model.at("merges"));
    read_steps();
    if (const auto processor = root_.find("post_processor")) read_post_processor(*processor);
    return std::move(out_);
  }

 private:
  /// A piece of `pieces`; its text belongs to the JSON value or to an added token.
  struct slot {
    std::string_view text;
    piece_kind kind = piece_kind::unused;
    bool used = false;
  };

  void read_model_options(const json_place& model) {
    if (const auto type = model.find("type"); type && type->as<std::string>() != "BPE") throw type->wrong("BPE");
    if (const auto dropout = model.find("dropout"); dropout && io::json_as<double>(dropout->value()) != 0.0)
      throw dropout->wrong("no dropout");
    for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (const auto affix = model.find(key); affix && !affix->as<std::string>().empty()) throw affix->wrong("none");
    out_.fuse_unk = model.value_or("fuse_unk", false);
    out_.ignore_merges = model.value_or("ignore_merges", false);
  }

  void read_vocabulary(const json_place& vocab) {
    if (!vocab.value().is_object()) throw vocab.wrong("an object of pieces and ids");
    const auto& members = vocab.value().get_ref<const io::json::object_t&>();
    const std::size_t most = members.size() * 4 + 4096;
    index_ = text_index{members.size()};
    for (const auto& [text, value] : members) {
      const auto id = io::json_as<token_id>(value);
      if (!id || *id >= most) throw vocab.at(text).wrong("an id below " + std::to_string(most));
      if (*id >= slots_.size()) slots_.resize(*id + std::size_t{1});
      if (slots_[*id].used)
        throw vocab.at(text).wrong("an id of its own", std::to_string(*id) + " of " + printable(slots_[*id].text));
      slots_[*id] = {text, piece_kind::normal, true};
      index_.insert(text, *id);
    }
    if (members.empty()) throw vocab.wrong("pieces", "none");
    find_byte_pieces(root_.at("model"));
    find_unknown_piece(root_.at("model"));
  }

  void find_byte_pieces(const json_place& model) {
    if (!model.value_or("byte_fallback", false)) return;
    std::size_t found = 0;
    for (token_id id = 0; id < slots_.size(); ++id)
      if (const auto byte = byte_of_piece(slots_[id].text)) {
        out_.byte_ids[*byte] = id;
        ++found;
      }
    if (found != 0 && found != out_.byte_ids.size())
      throw model.at("vocab").wrong("a piece for each byte or for none", std::to_string(found) + " of them");
    out_.byte_fallback = found != 0;
    if (out_.byte_fallback)
      for (const token_id id : out_.byte_ids) slots_[id].kind = piece_kind::byte;
  }

  void find_unknown_piece(const json_place& model) {
    const auto place = model.find("unk_token");
    if (!place) return;
    const auto text = place->as<std::string>();
    const token_id id = index_.find(text);
    if (id == text_index::none) {
      if (out_.byte_fallback) return;  // never asked for
      throw place->wrong("a piece of the vocabulary");
    }
    if (!out_.byte_fallback && is_one_character(text)) throw place->wrong("more than one character");
    out_.unk_id = id;
    slots_[id].kind = piece_kind::unknown;
  }

  void read_added_tokens(const json_place& list) {
    list.for_each([this](const json_place& place) {
      added_token token;
      token.content = place.at("content").as<std::string>();
      token.special = place.value_or("special", false);
      token.single_word = place.value_or("single_word", false);
      token.lstrip = place.value_or("lstrip", false);
      token.rstrip = place.value_or("rstrip", false);
      token.normalized = place.value_or("normalized", !token.special);
      token.id = place.at("id").as<token_id>();
      if (!token.content.empty()) out_.added_tokens.push_back(std::move(token));
    });
    number_added_tokens(list);
  }

  /// tokenizers does not believe the ids of added tokens but counts on from the model's size. Where that disagrees
  /// with the file, one of the two is wrong.
  void number_added_tokens(const json_place& list) {
    text_index seen{out_.added_tokens.size()};
    std::size_t next = index_.size();
    for (const added_token& token : out_.added_tokens) {
      const std::string what = "a token " + printable(token.content, 60);
      if (!seen.insert(token.content, token.id)) throw list.wrong("each token once", what + " twice");
      const token_id own = index_.find(token.content);
      const std::size_t expected = own == text_index::none ? next : own;
      if (token.id != expected)
        throw list.wrong(what + " with the id " + std::to_string(expected), std::to_string(token.id));
      if (own == text_index::none) {
        if (expected >= slots_.size()) slots_.resize(expected + 1);
        if (slots_[expected].used) throw list.wrong(what + " with an id of its own", std::to_string(expected));
        slots_[expected].text = token.content;
        out_.not_in_model.push_back(token.id);
      }
      slot& piece = slots_[expected];
      piece.used = true;
      if (piece.kind != piece_kind::unknown)
        piece.kind = token.special ? piece_kind::control : piece_kind::user_defined;
      if (expected >= next) next = expected + 1;
    }
  }

  void fill_pieces() {
    std::size_t bytes = 0;
    for (const slot& piece : slots_) bytes += piece.text.size();
    out_.pieces.reserve(slots_.size(), bytes);
    for (const slot& piece : slots_) out_.pieces.add(piece.text, 0, piece.kind);
  }

  void read_merges(const json_place& list) {
    if (!list.value().is_array()) throw list.wrong("an array of merges");
    out_.merges.reserve(list.size());
    std::string joined;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto pair = parts_of(list.value()[i]);
      if (!pair) continue;
      const auto [left, right] = *pair;
      const merge_table::rule rule = find_rule(index_, left, right, joined);
      if (left.empty() || right.empty() || rule.left == text_index::none || rule.right == text_index::none)
        throw wrong_merge(list, i, "two pieces of the vocabulary");
      if (rule.result == text_index::none) throw wrong_merge(list, i, "pieces that make a piece of the vocabulary");
      if (!out_.byte_fallback && (rule.left == out_.unk_id || rule.right == out_.unk_id || rule.result == out_.unk_id))
        throw wrong_merge(list, i, "no merge of the unknown piece");
      out_.merges.push_back(rule);
    }
  }
  /// The two sides of a merge, "a b" or ["a", "b"]: nothing for a comment, empty ones for what is no merge.
  [[nodiscard]] static std::optional<std::pair<std::string_view, std::string_view>> parts_of(const io::json& merge) {
    using parts = std::pair<std::string_view, std::string_view>;
    if (merge.is_string()) {
      const std::string_view text = merge.get_ref<const std::string&>();
      if (text.starts_with("#version")) return std::nullopt;
      return split_merge(text).value_or(parts{});
    }
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
      return parts{merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
    return parts{};
  }
  [[nodiscard]] static error wrong_merge(const json_place& list, std::size_t index, std::string_view expected) {
    const io::json& merge = list.value()[index];
    std::string found = io::describe(merge);
    if (merge.is_array() && merge.size() == 2) found = io::describe(merge[0]) + " and " + io::describe(merge[1]);
    return mismatch_error(list.file(), "model.merges[" + std::to_string(index) + "]", expected, found);
  }

  void read_steps() {
    if (const auto place = root_.find("pre_tokenizer"); place && read_byte_level(*place)) return;
    if (const auto place = root_.find("normalizer")) {
      out_.normalizers = read_normalizers(*place);
      refuse_growth(*place, out_.normalizers);
    }
    if (const auto place = root_.find("pre_tokenizer")) {
      out_.pre_tokenizers = read_pre_tokenizers(*place);
      if (out_.pre_tokenizers.size() > 64)
        throw place->wrong("at most 64 steps", std::to_string(out_.pre_tokenizers.size()));
    }
    if (const auto place = root_.find("decoder")) {
      out_.decoders = read_decoders(*place);
      refuse_growth(*place, *out_.decoders);
    }
  }
  /// False when the file has no byte-level BPE.
  [[nodiscard]] bool read_byte_level(const json_place& pre_tokenizer) {
    out_.byte_level = json_byte_level_reader{}.read(pre_tokenizer);
    if (!out_.byte_level) return false;
    if (out_.byte_fallback) throw root_.at("model").at("byte_fallback").wrong("false with ByteLevel");
    const auto refuse = [](const json_place&, const json_place& type, std::string_view) {
      throw type.wrong("no normalizer with ByteLevel");
    };
    if (const auto place = root_.find("normalizer")) for_each_step(*place, "normalizers", refuse);
    std::size_t steps = 0;
    for_each_step(root_.at("decoder"), "decoders",
                  [&](const json_place&, const json_place& type, std::string_view name) {
                    if (name != "ByteLevel" || ++steps > 1) throw type.wrong("the one decoder ByteLevel");
                  });
    return true;
  }

  /// A few replacements in a row can make any text too long for any memory.
  template <class Step>
  static void refuse_growth(const json_place& place, const std::vector<Step>& steps) {
    constexpr std::size_t most = 1000;
    std::size_t growth = 1;
    for (const Step& step : steps) {
      const auto* const rule = std::get_if<json_step::replace>(&step);
      if (rule == nullptr || rule->content.size() <= rule->pattern.size()) continue;
      const std::size_t factor = (rule->content.size() - 1) / rule->pattern.size() + 1;
      if (factor > most / growth) throw place.wrong("text at most 1000 times as long", "replacements for more");
      growth *= factor;
    }
  }

  void read_post_processor(const json_place& place) {
    const auto type = place.at("type").as<std::string>();
    if (type == "Sequence")
      place.at("processors").for_each([this](const json_place& step) { read_post_processor(step); });
    if (type != "TemplateProcessing") return;
    bool before = true;
    place.at("single").for_each([&](const json_place& item) {
      if (item.find("Sequence")) before = false;
      const auto token = item.find("SpecialToken");
      if (!token) return;
      const json_place ids = place.at("special_tokens").at(token->at("id").as<std::string>()).at("ids");
      for (const token_id id : ids.as<std::vector<token_id>>()) {
        if (id >= out_.pieces.size()) throw ids.wrong("ids of the vocabulary", std::to_string(id));
        (before ? out_.bos_ids : out_.eos_ids).push_back(id);
      }
    });
  }

  json_place root_;
  tokenizer_json out_;
  std::vector<slot> slots_;
  text_index index_;  ///< the model's pieces
};

}  // namespace detail

/// Reads a parsed tokenizer.json, which must be of tokenizers' format 1 with a BPE model. `name` (a file) is named in
/// errors, with the place in the file: another model, a step or a pattern that LLaMA's family has not, a merge of
/// unknown pieces, ids that are not unique, far from each other, or others than those that tokenizers gives.
[[nodiscard]] inline tokenizer_json read_tokenizer_json(const io::json& root, std::string_view name) {
  return detail::tokenizer_json_reader{detail::json_place{root, name}}.read();
}

/// Reads the file at `path`, of at most 64 MB.
[[nodiscard]] inline tokenizer_json load_tokenizer_json(const std::filesystem::path& path) {
  const io::json root = io::load_json(path, 64'000'000, {.depth = 64, .values = 4'000'000});
  return read_tokenizer_json(root, path.string());
}

}  // namespace tulu
