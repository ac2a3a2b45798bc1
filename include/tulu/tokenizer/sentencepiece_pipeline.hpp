#pragma once

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

#include <tulu/tokenizer/bpe.hpp>
#include <tulu/tokenizer/bpe_options.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/prefix_matcher.hpp>
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_normalizer.hpp>
#include <tulu/tokenizer/surfaces.hpp>
#include <tulu/tokenizer/text_merges.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/unigram.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Mode spm: the ids and the text that SentencePiece gives (SentencePieceProcessor::Encode and Decode).
class sentencepiece_pipeline final : public pipeline {
 public:
  explicit sentencepiece_pipeline(const sentencepiece_model& model)
      : normalizer_{model},
        symbols_{model.pieces},
        model_{make_model(model)},
        surfaces_{model.pieces, model.unk_surface},
        dummy_prefix_{model.normalization.add_dummy_prefix},
        remove_spaces_{model.normalization.remove_extra_whitespaces},
        raw_text_{normalizer_.is_identity() && model.type == sentencepiece_model::algorithm::bpe} {
    if (!model.denormalization.precompiled_charsmap.empty()) denormalizer_.emplace(model.denormalization, model.name);
    denormalizer_prefix_ = model.denormalization.add_dummy_prefix;
  }

  void encode(std::string_view text, bool at_start, token_sink& out, encode_workspace& workspace) const override {
    encode_with_prefix(text, at_start && dummy_prefix_, out, workspace);
  }
  /// The ids of `text` with or without a dummy prefix, whatever the model says.
  void encode_with_prefix(std::string_view text, bool dummy_prefix, token_sink& out,
                          encode_workspace& workspace) const {
    if (raw_text_) return std::get<bpe<text_merges>>(model_).encode(text, dummy_prefix, out, workspace);
    normalizer_.normalize(text, dummy_prefix, workspace.normalized);
    if (const auto* merging = std::get_if<bpe<text_merges>>(&model_)) {
      encode_between_symbols(*merging, workspace.normalized, out, workspace);
    } else {
      std::get<unigram>(model_).encode(
          workspace.normalized, [&out](token_id id) { out.push(id); }, workspace);
    }
  }

  void decode(std::span<const token_id> ids, std::string& out) const override {
    const std::size_t begin = out.size();
    surfaces_.append(ids.subspan(append_first(ids, out)), out);
    if (!denormalizer_) return;
    std::string text;
    denormalizer_->normalize(std::string_view{out}.substr(begin), denormalizer_prefix_, text);
    out.replace(begin, std::string::npos, text);
  }
  void decode_piece(token_id id, std::string& out) const override { out.append(surfaces_[id]); }

 private:
  using model_variant = std::variant<bpe<text_merges>, unigram>;

  [[nodiscard]] static model_variant make_model(const sentencepiece_model& model) {
    if (model.type == sentencepiece_model::algorithm::unigram) return unigram{model};
    const bpe_options options{.escape_spaces = model.normalization.escape_whitespaces,
                              .byte_fallback = model.byte_fallback,
                              .byte_ids = model.byte_ids,
                              .unk_id = model.unk_id,
                              .fuse_unk = true};
    return bpe<text_merges>{text_merges{model.pieces, options}, options};
  }

  /// User-defined symbols are tokens of their own, and nothing merges across them.
  void encode_between_symbols(const bpe<text_merges>& merging, std::string_view text, token_sink& out,
                              encode_workspace& workspace) const {
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size() && !symbols_.empty();) {
      const auto next = symbols_.at_start_of(text.substr(at));
      if (next.found) {
        merging.encode(text.substr(begin, at - begin), false, out, workspace);
        out.push(next.id);
        begin = at + next.length;
      }
      at += next.length;
    }
    merging.encode(text.substr(begin), false, out, workspace);
  }

  /// Appends the ids up to the first that is nothing but text, the dummy prefix taken off, and returns their number.
  std::size_t append_first(std::span<const token_id> ids, std::string& out) const {
    if (!dummy_prefix_ && !remove_spaces_) return 0;
    const std::size_t begin = out.size();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (out.size() != begin) return i;
      const std::string_view text = surfaces_[ids[i]];
      const bool prefix = surfaces_.begins_with_space_symbol(ids[i]);
      out.append(text.substr(prefix ? 1 : 0));
      if (prefix && !remove_spaces_) return i + 1;
    }
    return ids.size();
  }

  sentencepiece_normalizer normalizer_;
  std::optional<sentencepiece_normalizer> denormalizer_;
  bool denormalizer_prefix_ = false;
  prefix_matcher symbols_;
  model_variant model_;
  surfaces surfaces_;
  bool dummy_prefix_;
  bool remove_spaces_;
  bool raw_text_;  ///< the text needs no normalizer of its own
};

}  // namespace tulu::detail
