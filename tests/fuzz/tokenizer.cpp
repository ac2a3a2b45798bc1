// libFuzzer target: any bytes are encoded, alike with a used and a fresh workspace, and decoded to what they say; any
// ids are decoded, alike at once and as a stream. The first byte chooses among models made here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/proto_builder.hpp"
#include "support/proto_tokenizer.hpp"
#include <tulu/core/utf8.hpp>
#include <tulu/tokenizer/stream_decoder.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace {

using tulu::token_id;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<tulu::tokenizer> make_models() {
  const std::string blank{tulu::space_symbol};
  const std::vector<std::string> texts{"a",
                                       "b",
                                       "c",
                                       blank,
                                       "\xC3\xA9",
                                       "\xE4\xB8\xAD",
                                       blank + blank,
                                       blank + "a",
                                       "ab",
                                       "abc",
                                       "bb",
                                       "bbbb",
                                       "a\xC3\xA9",
                                       "ca",
                                       "bca",
                                       "\xE4\xB8\xAD"
                                       "a"};
  std::vector<tulu::tokenizer> models{
      tulu::test::tokenizer_of(tulu::test::llama_proto(texts)),
      tulu::test::tokenizer_of(tulu::test::llama_proto({"a", blank + blank, blank + "a", "aa"}))};
  for (const std::uint64_t type : {std::uint64_t{1}, std::uint64_t{2}}) {
    auto pieces = tulu::test::reserved_pieces();
    float score = -1;
    for (const std::string& text : texts) pieces.push_back({text, score--});
    pieces.push_back({"ca" + blank, 0, tulu::piece_kind::user_defined});
    pieces.push_back({"bbb", -2.5, tulu::piece_kind::unused});
    tulu::test::proto_settings settings;
    settings.model_type = type;
    models.push_back(tulu::test::tokenizer_of(tulu::test::model_proto(pieces, settings)));
  }
  return models;
}

void check_encoding(const tulu::tokenizer& tokens, std::string_view text, tulu::encode_workspace& workspace,
                    bool round_trip) {
  const std::vector<token_id> ids = tokens.encode(text, workspace);
  require(ids == tokens.encode(text));
  require(std::all_of(ids.begin(), ids.end(), [&](token_id id) { return id < tokens.size(); }));
  const std::string decoded = tokens.decode(ids);
  if (round_trip && text.find(tulu::space_symbol) == std::string_view::npos)
    require(decoded == tulu::replace_invalid_utf8(text));
}

void check_decoding(const tulu::tokenizer& tokens, std::string_view bytes) {
  std::vector<token_id> ids;
  for (const char byte : bytes)
    ids.push_back(static_cast<token_id>(static_cast<unsigned char>(byte) * 7U % tokens.size()));
  tulu::stream_decoder decoder{tokens, true};
  std::string text;
  for (const token_id id : ids) text += decoder.push(id);
  require(text + decoder.finish() == tulu::replace_invalid_utf8(tokens.decode(ids)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<tulu::tokenizer> models = make_models();
  static std::vector<tulu::encode_workspace> workspaces(models.size());
  if (size == 0) return 0;
  const std::size_t which = data[0] % models.size();
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  check_encoding(models[which], text, workspaces[which], which == 0);
  check_decoding(models[which], text);
  return 0;
}
