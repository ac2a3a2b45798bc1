#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/pipelines.hpp"
#include <tulu/io/json.hpp>
#include <tulu/tokenizer/make_json_pipeline.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace make_json_pipeline_test {

using tulu::test::decode;
using tulu::test::encode;

using tulu::token_id;
using tulu::io::json;

const json& goldens() {
  static const json content = tulu::io::load_json(std::string{TULU_TEST_DATA} + "/tokenizer/byte_level/goldens.json");
  return content;
}

tulu::tokenizer_json source_of(const json& variant) {
  json root = goldens()["bases"][variant["base"].get_ref<const std::string&>()];
  for (const auto& [key, value] : variant["set"].items()) {
    const std::string_view name = key;
    if (name.starts_with("model.")) {
      root["model"][std::string{name.substr(6)}] = value;
    } else {
      root[key] = value;
    }
  }
  // Parsed again: numbers of a file that are not negative are unsigned.
  return tulu::read_tokenizer_json(tulu::io::parse_json(root.dump(), "root"), "tokenizer.json");
}

std::vector<token_id> ids_of(const json& list) {
  return tulu::io::json_as<std::vector<token_id>>(list).value();
}

TEST_CASE("byte-level ids and text are those of tokenizers 0.19.1") {
  const json& texts = goldens()["texts"];
  CHECK(goldens()["variants"].size() >= 12);
  std::size_t back = 0;
  for (const json& variant : goldens()["variants"]) {
    CAPTURE(variant["name"].get_ref<const std::string&>());
    const auto pipeline = tulu::detail::make_json_pipeline(source_of(variant));
    tulu::encode_workspace workspace;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto& text = texts[i].get_ref<const std::string&>();
      CAPTURE(text);
      const auto ids = ids_of(variant["ids"][i]);
      CHECK(encode(*pipeline, text, workspace) == ids);
      const json& decoded = variant["decoded"][i];
      if (decoded.is_boolean()) {
        ++back;
        CHECK(decode(*pipeline, ids) == text);
      } else if (!decoded.is_null()) {
        CHECK(decode(*pipeline, ids) == decoded.get_ref<const std::string&>());
      }
    }
    for (std::size_t i = 0; i < variant["from_ids"].size(); ++i)
      if (const json& text = variant["from_ids"][i]; !text.is_null())
        CHECK(decode(*pipeline, ids_of(goldens()["id_lists"][i])) == text.get_ref<const std::string&>());
  }
  CHECK(back > texts.size() * 6);
}

}  // namespace make_json_pipeline_test
