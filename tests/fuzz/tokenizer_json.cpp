// libFuzzer target: any bytes are a tokenizer.json that is read, or a tulu::error. A tokenizer that is read encodes its
// own file and some texts, whole and as the rest of a text, alike with a used and a fresh workspace, and decodes any
// ids.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/io/json.hpp>
#include <tulu/tokenizer/make_json_pipeline.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace {

using tulu::token_id;
using tulu::detail::pipeline;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<token_id> encode(const pipeline& source, std::string_view text, bool at_start,
                             tulu::encode_workspace& workspace) {
  std::vector<token_id> ids;
  auto sink = tulu::token_sink::growing(ids);
  source.encode(text, at_start, sink, workspace);
  sink.finish();
  return ids;
}

void check_decoding(const pipeline& source, const std::vector<token_id>& ids) {
  std::string decoded;
  for (const token_id id : ids) source.decode_piece(id, decoded);
  source.decode(ids, decoded);
}

void use(const tulu::tokenizer_json& source, std::string_view file) {
  const auto made = tulu::detail::make_json_pipeline(source);
  tulu::encode_workspace workspace;
  for (const std::string_view text : {file, std::string_view{}, std::string_view{"  ab <s>a\xE2\x96\x81 \xFF<0x41>"}}) {
    for (const bool at_start : {true, false}) {
      const std::vector<token_id> ids = encode(*made, text, at_start, workspace);
      require(std::all_of(ids.begin(), ids.end(), [&](token_id id) { return id < source.pieces.size(); }));
      tulu::encode_workspace fresh;
      require(ids == encode(*made, text, at_start, fresh));
      check_decoding(*made, ids);
    }
  }
  std::vector<token_id> any;  // some may have no piece: a tulu::error
  for (const char byte : file)
    any.push_back(static_cast<token_id>(static_cast<unsigned char>(byte) * 7U % source.pieces.size()));
  check_decoding(*made, any);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    const auto root = tulu::io::parse_json(text, "fuzz");
    use(tulu::read_tokenizer_json(root, "fuzz"), text.substr(0, 2000));
  } catch (const tulu::error&) {
  }
  return 0;
}
