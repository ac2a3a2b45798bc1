#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/token_sink.hpp>

namespace tulu::test {

[[nodiscard]] inline std::vector<token_id> encode(const detail::pipeline& pipeline, std::string_view text,
                                                  encode_workspace& workspace, bool at_start = true) {
  std::vector<token_id> ids(20 * text.size() + 64);
  token_sink sink{ids};
  pipeline.encode(text, at_start, sink, workspace);
  REQUIRE(sink.count() <= ids.size());
  ids.resize(sink.count());
  return ids;
}
[[nodiscard]] inline std::vector<token_id> encode(const detail::pipeline& pipeline, std::string_view text,
                                                  bool at_start = true) {
  encode_workspace workspace;
  return encode(pipeline, text, workspace, at_start);
}

[[nodiscard]] inline std::string decode(const detail::pipeline& pipeline, const std::vector<token_id>& ids) {
  std::string text;
  pipeline.decode(ids, text);
  return text;
}

}  // namespace tulu::test
