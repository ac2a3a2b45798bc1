#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/io/file.hpp>
#include <tulu/io/mapped_file.hpp>
#include <tulu/io/stand_in.hpp>
#include <tulu/tokenizer/protobuf.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu {

/// A SentencePiece model: what `tokenizer.model` (a serialized ModelProto of sentencepiece_model.proto) says, checked.
struct sentencepiece_model {
  enum class algorithm : std::uint8_t { unigram = 1, bpe = 2 };

  /// NormalizerSpec. `precompiled_charsmap` is empty (identity) or: the size in bytes of a Darts trie (uint32, not 0, a
  /// multiple of 4), that many bytes of trie, the replacements, each ended by a NUL. The trie's links are not checked.
  struct normalizer {
    std::string precompiled_charsmap;
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
  };

  std::string name;  ///< the file, for messages
  vocabulary pieces;
  algorithm type = algorithm::unigram;
  normalizer normalization;
  normalizer denormalization;  ///< applied after decoding when its charsmap is not empty
  bool treat_whitespace_as_suffix = false;
  bool byte_fallback = false;
  std::string unk_surface = " \xE2\x81\x87 ";  ///< what an unknown piece decodes to
  token_id unk_id = 0;
  /// The ids that SentencePiece's bos_id(), eos_id(), pad_id() give: those of the control pieces with the names of
  /// TrainerSpec (`<s>`, `</s>`, `<pad>` unless it says otherwise), none when there is no such control piece.
  std::optional<token_id> bos_id, eos_id, pad_id;
  std::array<token_id, 256> byte_ids{};  ///< the byte pieces by value; meaningful with byte_fallback
};

namespace detail {

/// Refuses a precompiled_charsmap, the current field of `at`, that is not made of the parts that `normalizer` tells.
inline void check_charsmap(std::string_view map, const protobuf_reader& at) {
  if (map.empty()) return;
  constexpr std::string_view field = "precompiled_charsmap";
  if (map.size() <= 4) throw at.failure(field, "a trie and replacements", std::to_string(map.size()) + " bytes");
  std::uint32_t trie = 0;
  for (std::size_t i = 0; i < 4; ++i) trie |= std::uint32_t{static_cast<unsigned char>(map[i])} << (8 * i);
  if (trie == 0 || trie % 4 != 0)
    throw at.failure(field, "a trie of 4-byte units", "one of " + std::to_string(trie) + " bytes");
  if (trie > map.size() - 4)
    throw at.failure(field, "a trie within its " + std::to_string(map.size()) + " bytes",
                     "one of " + std::to_string(trie) + " bytes");
}

/// The ids of pieces of a vocabulary, by text. Smaller than a text_index, as the vocabulary has the texts: getting
/// pages is a good part of the time to load a model.
class piece_set {
 public:
  static constexpr token_id none = 0xFFFFFFFF;

  /// Room for `count` pieces of `pieces`, which is complete and outlives the set.
  piece_set(const vocabulary& pieces, std::size_t count)
      : pieces_{&pieces}, slots_(std::bit_ceil(count * 2 + 1), none) {}

  /// The piece with this text, or `none`.
  [[nodiscard]] token_id find(std::string_view text) const noexcept { return slots_[slot_of(text)]; }

  /// Puts a piece in, unless there is one with its text: that one is returned, otherwise `none`.
  token_id insert(token_id id) noexcept {
    token_id& slot = slots_[slot_of(pieces_->text(id))];
    if (slot != none) return slot;
    slot = id;
    return none;
  }

 private:
  [[nodiscard]] std::size_t slot_of(std::string_view text) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash_text(text) & mask;
    while (slots_[at] != none && pieces_->text(slots_[at]) != text) at = (at + 1) & mask;
    return at;
  }

  const vocabulary* pieces_;
  std::vector<token_id> slots_;
};

/// A field `pieces` of ModelProto.
struct piece_fields {
  std::string_view text;
  float score = 0;
  piece_kind kind = piece_kind::normal;
};

/// `message` as protobuf writes it: text, score and perhaps type, each once and in this order. Nothing when it is
/// anything else, right or wrong; `model_proto_reader` reads that, too, but takes three times as long.
[[nodiscard]] inline std::optional<piece_fields> read_usual_piece(std::string_view message) noexcept {
  if (message.size() < 8 || message[0] != '\x0A') return std::nullopt;
  const std::size_t length = static_cast<unsigned char>(message[1]);
  if (length == 0 || length >= 0x80) return std::nullopt;
  const bool with_type = message.size() == length + 9;
  if (!with_type && message.size() != length + 7) return std::nullopt;
  const std::string_view rest = message.substr(2 + length);
  const auto byte = [rest](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(rest[i])}; };
  const auto score = std::bit_cast<float>(byte(1) | byte(2) << 8 | byte(3) << 16 | byte(4) << 24);
  if (byte(0) != 0x15 || !std::isfinite(score)) return std::nullopt;
  if (with_type && (byte(5) != 0x18 || byte(6) < 1 || byte(6) > 6)) return std::nullopt;
  return piece_fields{message.substr(2, length), score,
                      with_type ? static_cast<piece_kind>(byte(6)) : piece_kind::normal};
}

/// SentencePiece hands some texts around as C strings.
[[nodiscard]] inline std::string_view until_nul(std::string_view text) noexcept {
  return text.substr(0, text.find('\0'));
}

/// What the pieces of a model must be together, and the ids that have a meaning.
class sentencepiece_checker {
 public:
  explicit sentencepiece_checker(sentencepiece_model& model) : model_{model} {}

  /// Fills the ids in. `bos`, `eos` and `pad` are the names of these pieces, empty for the usual ones.
  void check(std::string_view bos = {}, std::string_view eos = {}, std::string_view pad = {}) {
    std::size_t plain_count = 0;
    for (token_id id = 0; id < model_.pieces.size(); ++id) plain_count += is_plain(model_.pieces.kind(id));
    piece_set plain{model_.pieces, plain_count};
    piece_set reserved{model_.pieces, model_.pieces.size() - plain_count};
    std::array<bool, 256> bytes_found{};
    std::optional<token_id> unknown;
    for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
      const auto id = static_cast<token_id>(i);
      const piece_kind kind = model_.pieces.kind(id);
      if (model_.pieces.text(id).empty()) throw piece_error(id, "a text", "none");
      check_new(is_plain(kind) ? plain : reserved, id);
      check_nul(id);
      if (kind == piece_kind::byte) bytes_found[read_byte(id)] = true;
      if (kind == piece_kind::unknown) {
        if (unknown) throw piece_error(id, "one unknown piece", "a second (piece " + std::to_string(*unknown) + ")");
        unknown = id;
      }
    }
    if (!unknown) throw model_error("an unknown piece (type 2)", "none");
    model_.unk_id = *unknown;
    if (model_.byte_fallback) check_bytes(bytes_found);
    if (plain_count == 0 && model_.type == sentencepiece_model::algorithm::unigram)
      throw model_error("a normal piece in a unigram model", "none");
    model_.bos_id = control_id(reserved, bos, "<s>");
    model_.eos_id = control_id(reserved, eos, "</s>");
    model_.pad_id = control_id(reserved, pad, "<pad>");
  }

 private:
  [[nodiscard]] static constexpr bool is_plain(piece_kind kind) noexcept {
    return kind == piece_kind::normal || kind == piece_kind::user_defined || kind == piece_kind::unused;
  }

  void check_new(piece_set& known, token_id id) const {
    if (const token_id first = known.insert(id); first != piece_set::none)
      throw piece_error(id, "a new text",
                        quoted(model_.pieces.text(id)) + " again (piece " + std::to_string(first) + ")");
  }

  /// SentencePiece would see such a piece up to the NUL only where it matches pieces with a trie.
  void check_nul(token_id id) const {
    const piece_kind kind = model_.pieces.kind(id);
    const bool in_trie =
        kind == piece_kind::user_defined || (is_plain(kind) && model_.type == sentencepiece_model::algorithm::unigram);
    if (in_trie && std::memchr(model_.pieces.text(id).data(), 0, model_.pieces.text(id).size()) != nullptr)
      throw piece_error(id, "a text without NUL", quoted(model_.pieces.text(id)));
  }

  [[nodiscard]] std::uint8_t read_byte(token_id id) {
    const std::string_view text = model_.pieces.text(id);
    if (!model_.byte_fallback) throw piece_error(id, "no byte piece without byte_fallback", quoted(text));
    const std::optional<std::uint8_t> value = byte_of_piece(text);
    if (!value) throw piece_error(id, "a byte piece from <0x00> to <0xFF>", quoted(text));
    model_.byte_ids[*value] = id;
    return *value;
  }

  void check_bytes(const std::array<bool, 256>& found) const {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (std::size_t byte = 0; byte < found.size(); ++byte) {
      if (found[byte]) continue;
      const std::string piece = std::string{"<0x"} + digits[byte / 16] + digits[byte % 16] + ">";
      throw model_error("a byte piece for each byte, as byte_fallback is on", "no " + piece);
    }
  }

  [[nodiscard]] std::optional<token_id> control_id(const piece_set& reserved, std::string_view name,
                                                   std::string_view otherwise) const {
    const token_id id = reserved.find(name.empty() ? otherwise : until_nul(name));
    if (id == piece_set::none || model_.pieces.kind(id) != piece_kind::control) return std::nullopt;
    return id;
  }

  [[nodiscard]] static std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }
  [[nodiscard]] error piece_error(std::size_t id, std::string_view expected, std::string_view found) const {
    return mismatch_error(model_.name, "piece " + std::to_string(id), expected, found);
  }
  [[nodiscard]] error model_error(std::string_view expected, std::string_view found) const {
    return mismatch_error(model_.name, "pieces", expected, found);
  }

  sentencepiece_model& model_;
};

/// Reads a ModelProto: first the messages, with the checks that a field alone decides, then sentencepiece_checker.
class model_proto_reader {
 public:
  model_proto_reader(std::span<const std::byte> bytes, std::string_view name) : bytes_{bytes} { model_.name = name; }

  [[nodiscard]] sentencepiece_model read() {
    // Most pieces take more bytes than these; the vocabulary grows when they do not.
    model_.pieces.reserve(bytes_.size() / 12, bytes_.size() / 2);
    protobuf_reader in{bytes_, model_.name};
    while (in.next()) {
      switch (in.field()) {
        case 1:
          read_piece(in.message("pieces"));
          break;
        case 2:
          read_trainer(in.message("trainer_spec"));
          break;
        case 3:
          read_normalizer(in.message("normalizer_spec"), model_.normalization);
          break;
        case 5:
          read_normalizer(in.message("denormalizer_spec"), model_.denormalization);
          break;
        default:
          break;
      }
    }
    sentencepiece_checker{model_}.check(bos_, eos_, pad_);
    return std::move(model_);
  }

 private:
  void read_piece(const protobuf_reader& in) {
    const std::optional<piece_fields> usual = read_usual_piece(in.content());
    const piece_fields piece = usual ? *usual : read_unusual_piece(in);
    model_.pieces.add(piece.text, piece.score, piece.kind);
  }

  [[nodiscard]] static piece_fields read_unusual_piece(protobuf_reader in) {
    piece_fields out;
    while (in.next()) {
      switch (in.field()) {
        case 1:
          out.text = in.text("piece");
          break;
        case 2:
          out.score = in.float32("score");
          if (!std::isfinite(out.score))
            throw in.failure("score", "a finite number", std::isnan(out.score) ? "NaN" : "an infinity");
          break;
        case 3: {
          const std::uint64_t number = in.number("type");
          if (number < 1 || number > 6) throw in.failure("type", "a type from 1 to 6", std::to_string(number));
          out.kind = static_cast<piece_kind>(number);
          break;
        }
        default:
          break;
      }
    }
    return out;
  }

  void read_trainer(protobuf_reader in) {
    while (in.next()) {
      switch (in.field()) {
        case 3:
          model_.type = read_algorithm(in);
          break;
        case 24:
          model_.treat_whitespace_as_suffix = in.boolean("treat_whitespace_as_suffix");
          break;
        case 35:
          model_.byte_fallback = in.boolean("byte_fallback");
          break;
        case 44:
          model_.unk_surface = until_nul(in.text("unk_surface"));
          break;
        case 46:
          bos_ = in.text("bos_piece");
          break;
        case 47:
          eos_ = in.text("eos_piece");
          break;
        case 48:
          pad_ = in.text("pad_piece");
          break;
        default:
          break;
      }
    }
  }

  [[nodiscard]] static sentencepiece_model::algorithm read_algorithm(protobuf_reader& in) {
    constexpr std::string_view name = "model_type";
    constexpr std::string_view expected = "1 (unigram) or 2 (BPE)";
    const std::uint64_t number = in.number(name);
    if (number == 3) throw in.failure(name, expected, "3 (a WORD model, which is not supported)");
    if (number == 4) throw in.failure(name, expected, "4 (a CHAR model, which is not supported)");
    if (number != 1 && number != 2) throw in.failure(name, expected, std::to_string(number));
    return static_cast<sentencepiece_model::algorithm>(number);
  }

  static void read_normalizer(protobuf_reader in, sentencepiece_model::normalizer& out) {
    while (in.next()) {
      switch (in.field()) {
        case 2: {
          const std::string_view map = in.text("precompiled_charsmap");
          check_charsmap(map, in);
          out.precompiled_charsmap = map;
          break;
        }
        case 3:
          out.add_dummy_prefix = in.boolean("add_dummy_prefix");
          break;
        case 4:
          out.remove_extra_whitespaces = in.boolean("remove_extra_whitespaces");
          break;
        case 5:
          out.escape_whitespaces = in.boolean("escape_whitespaces");
          break;
        default:
          break;
      }
    }
  }

  std::span<const std::byte> bytes_;
  sentencepiece_model model_;
  std::string_view bos_, eos_, pad_;
};

}  // namespace detail

inline constexpr std::size_t longest_sentencepiece_model = std::size_t{1} << 30;

/// Reads a serialized ModelProto as SentencePiece 0.1.97 does, with its defaults for what is not said. `name` (a file)
/// is named in errors: bytes that are no such message (the offset is given), an empty or a duplicate piece (normal,
/// user-defined and unused pieces are one set of texts, the others a second), no or two unknown pieces, a missing or a
/// stray byte piece, a damaged charsmap.
/// Refused although SentencePiece loads them: word and character models, types of models and pieces it does not know, a
/// known field of the wrong wire type, groups, scores that are not finite, a NUL where it would end the piece, more
/// than 2^30 bytes. Self-test samples are skipped: SentencePiece refuses a model that fails them.
[[nodiscard]] inline sentencepiece_model read_sentencepiece_model(std::span<const std::byte> bytes,
                                                                  std::string_view name) {
  if (bytes.size() > longest_sentencepiece_model)
    throw mismatch_error(name, "", "a SentencePiece model of at most 1 GiB", std::to_string(bytes.size()) + " bytes");
  return detail::model_proto_reader{bytes, name}.read();
}

/// Reads the file at `path`. What a failed download left in its place is called by its name.
[[nodiscard]] inline sentencepiece_model load_sentencepiece_model(const std::filesystem::path& path) {
  const io::file source{path};
  const std::string name = path.string();
  if (source.size() > longest_sentencepiece_model)
    throw mismatch_error(name, "", "a SentencePiece model of at most 1 GiB", std::to_string(source.size()) + " bytes");
  const io::mapped_file content{source};
  try {
    return read_sentencepiece_model(content.bytes(), name);
  } catch (const error&) {
    // Only now: a model may begin with a line break and a piece named as a tag.
    if (const auto found = io::describe_stand_in(io::read_head(source)))
      throw mismatch_error(name, "", "a SentencePiece model", *found);
    throw;
  }
}

}  // namespace tulu
