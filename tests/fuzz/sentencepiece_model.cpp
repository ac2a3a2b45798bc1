// libFuzzer target: any bytes are a SentencePiece model whose contents keep its promises, or a tulu::error.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>

#include <tulu/tokenizer/sentencepiece_model.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_pieces(const tulu::sentencepiece_model& model, std::size_t file_size) {
  std::size_t unknown = 0;
  std::size_t text_bytes = 0;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const auto id = static_cast<tulu::token_id>(i);
    require(!model.pieces.text(id).empty() && std::isfinite(model.pieces.score(id)));
    text_bytes += model.pieces.text(id).size();
    unknown += model.pieces.kind(id) == tulu::piece_kind::unknown;
  }
  require(unknown == 1 && text_bytes <= file_size);
  require(model.pieces.kind(model.unk_id) == tulu::piece_kind::unknown);
  for (const std::optional<tulu::token_id>& id : {model.bos_id, model.eos_id, model.pad_id})
    require(!id || model.pieces.kind(*id) == tulu::piece_kind::control);
  for (std::size_t byte = 0; model.byte_fallback && byte < 256; ++byte)
    require(tulu::byte_of_piece(model.pieces.text(model.byte_ids[byte])) == byte);
}

void check_charsmap(std::string_view map) {
  if (map.empty()) return;
  require(map.size() > 4);
  const auto byte = [map](std::size_t i) { return std::size_t{static_cast<unsigned char>(map[i])}; };
  const std::size_t trie = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
  require(trie != 0 && trie % 4 == 0 && trie <= map.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const tulu::sentencepiece_model model =
        tulu::read_sentencepiece_model(std::as_bytes(std::span{data, size}), "fuzz.model");
    check_pieces(model, size);
    check_charsmap(model.normalization.precompiled_charsmap);
    check_charsmap(model.denormalization.precompiled_charsmap);
  } catch (const tulu::error&) {
  }
  return 0;
}
