#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/mode.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/token_sink.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// The ids that a tokenizer puts round a text when asked, or that have a meaning to the model; none where the model has
/// no such token.
struct special_tokens {
  std::optional<token_id> bos{}, eos{}, pad{}, unk{};
  std::optional<token_id> eot{};  ///< ends a turn of a conversation, where that is not EOS
  bool adds_bos = true;           ///< whether the model was trained on texts that begin with BOS
};

struct encode_options {
  bool bos = false;      ///< the BOS id first
  bool eos = false;      ///< the EOS id last
  bool at_start = true;  ///< false: the text goes on after other text, so no dummy prefix
};

/// Text → ids and back, in one mode. Immutable and cheap to copy; threads may share it, each with a workspace of its
/// own. See `load_tokenizer` for how to get one.
class tokenizer {
 public:
  /// `name` stands in errors; `warnings` are one line each.
  tokenizer(std::string name, tokenizer_mode mode, vocabulary pieces, special_tokens special,
            std::shared_ptr<const detail::pipeline> pipeline, std::vector<std::string> warnings = {})
      : name_{std::move(name)},
        warnings_{std::move(warnings)},
        mode_{mode},
        pieces_{std::make_shared<const vocabulary>(std::move(pieces))},
        special_{special},
        pipeline_{std::move(pipeline)} {}

  [[nodiscard]] tokenizer_mode mode() const noexcept { return mode_; }
  [[nodiscard]] const special_tokens& special() const noexcept { return special_; }
  /// The pieces with their kinds, added tokens included.
  [[nodiscard]] const vocabulary& pieces() const noexcept { return *pieces_; }
  [[nodiscard]] std::size_t size() const noexcept { return pieces_->size(); }
  /// What its files say in contradiction to each other, and which of them counts.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  void add_warnings(std::vector<std::string> more) {
    warnings_.insert(warnings_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  /// Writes the ids of `text`, any bytes (what is not UTF-8 counts as U+FFFD, byte by byte), to `out` and returns how
  /// many there are. When that is more than out.size(), the rest was dropped: call again with more room. Allocates
  /// nothing once `workspace` has grown, but for models with unused or renamed pieces or with unusual steps in their
  /// tokenizer.json, and for words of hundreds of characters of which the end decides on the start.
  std::size_t encode(std::string_view text, std::span<token_id> out, encode_workspace& workspace,
                     encode_options options = {}) const {
    token_sink sink{out};
    encode_to(sink, text, workspace, options);
    return sink.count();
  }

  [[nodiscard]] std::vector<token_id> encode(std::string_view text, encode_workspace& workspace,
                                             encode_options options = {}) const {
    std::vector<token_id> ids(text.size() / 4 + 16);
    token_sink sink = token_sink::growing(ids);
    encode_to(sink, text, workspace, options);
    sink.finish();
    return ids;
  }
  [[nodiscard]] std::vector<token_id> encode(std::string_view text, encode_options options = {}) const {
    encode_workspace workspace;
    return encode(text, workspace, options);
  }

  /// The ids of each text, worked out by all threads of `workers`.
  [[nodiscard]] std::vector<std::vector<token_id>> encode_batch(std::span<const std::string_view> texts,
                                                                executor& workers, encode_options options = {}) const {
    std::vector<std::vector<token_id>> all(texts.size());
    std::vector<encode_workspace> workspaces(workers.threads());
    workers.parallel_for(texts.size(), [&](std::size_t index, std::size_t thread) {
      all[index] = encode(texts[index], workspaces[thread], options);
    });
    return all;
  }

  /// The text of `ids` as bytes: exactly the encoded ones for ids of `encode` in mode spm, UTF-8 unless byte pieces say
  /// otherwise. replace_invalid_utf8 makes it SentencePiece's own text, which is the same but for a character whose
  /// bytes stand on two sides of a control token. An id out of range is an error that names it.
  [[nodiscard]] std::string decode(std::span<const token_id> ids) const {
    check(ids);
    std::string out;
    pipeline_->decode(ids, out);
    return out;
  }

  /// Appends what `id` stands for in the middle of a text, as bytes; nothing for control tokens. See stream_decoder.
  void decode_piece(token_id id, std::string& out) const {
    check({&id, 1});
    pipeline_->decode_piece(id, out);
  }

 private:
  void encode_to(token_sink& sink, std::string_view text, encode_workspace& workspace, encode_options options) const {
    if (options.bos) sink.push(required(special_.bos, "BOS"));
    pipeline_->encode(text, options.at_start, sink, workspace);
    if (options.eos) sink.push(required(special_.eos, "EOS"));
  }
  void check(std::span<const token_id> ids) const {
    token_id largest = 0;
    for (const token_id id : ids) largest = std::max(largest, id);
    if (ids.empty() || largest < size()) return;
    const token_id first = *std::find_if(ids.begin(), ids.end(), [this](token_id id) { return id >= size(); });
    throw mismatch_error(name_, "id " + std::to_string(first), "an id below " + std::to_string(size()),
                         "one out of range");
  }
  [[nodiscard]] token_id required(std::optional<token_id> id, std::string_view what) const {
    if (!id) throw mismatch_error(name_, "", "a " + std::string{what} + " token", "none");
    return *id;
  }

  std::string name_;
  std::vector<std::string> warnings_;
  tokenizer_mode mode_;
  std::shared_ptr<const vocabulary> pieces_;
  special_tokens special_;
  std::shared_ptr<const detail::pipeline> pipeline_;
};

}  // namespace tulu
