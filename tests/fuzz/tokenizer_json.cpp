// libFuzzer target: any bytes are a tokenizer.json that is read, or a tulu::error. A tokenizer that is read encodes and
// decodes its own file, whole and as the rest of a text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/io/json.hpp>
#include <tulu/tokenizer/json_pipeline.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void use(const tulu::tokenizer_json& source, std::string_view text) {
  const tulu::detail::json_pipeline pipeline{source};
  tulu::encode_workspace workspace;
  std::vector<tulu::token_id> ids(4096);
  for (const bool at_start : {true, false}) {
    tulu::token_sink sink{ids};
    pipeline.encode(text, at_start, sink, workspace);
    const std::size_t count = sink.count() < ids.size() ? sink.count() : ids.size();
    for (std::size_t i = 0; i < count; ++i) require(ids[i] < source.pieces.size());
    std::string decoded;
    pipeline.decode({ids.data(), count}, decoded);
    for (std::size_t i = 0; i < count; ++i) pipeline.decode_piece(ids[i], decoded);
  }
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
