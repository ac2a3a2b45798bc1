#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/generation/load_tokenizer.hpp>

namespace load_tokenizer_test {

using tulu::tokenizer_mode;

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path{TULU_TEST_DATA} / "tokenizer" / name;
}

/// A folder with the files that Tulu's training script left, and our own small model.
void make_tulu_folder(const std::filesystem::path& folder) {
  std::filesystem::copy(data("slow/llama.model"), folder / "tokenizer.model");
  tulu::test::write_file(folder / "added_tokens.json", R"({"<pad>": 420})");
  tulu::test::write_file(folder / "special_tokens_map.json",
                         R"({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})");
}

TEST_CASE("load_tokenizer: the mode is spm where there is a tokenizer.model, else hf-fast") {
  const tulu::test::temp_dir folder;
  std::filesystem::copy(data("json/llama_small.json"), folder.path() / "tokenizer.json");
  CHECK(tulu::load_tokenizer(folder.path()).mode() == tokenizer_mode::hf_fast);
  std::filesystem::copy(data("slow/llama.model"), folder.path() / "tokenizer.model");
  CHECK(tulu::load_tokenizer(folder.path()).mode() == tokenizer_mode::spm);
  CHECK(tulu::load_tokenizer(folder.path(), tokenizer_mode::hf).mode() == tokenizer_mode::hf);
  CHECK(tulu::load_tokenizer(data("json/llama_small.json")).mode() == tokenizer_mode::hf_fast);
}

TEST_CASE("load_tokenizer: special tokens are those of the model in spm, of the files beside it in the hf modes") {
  const tulu::test::temp_dir folder;
  make_tulu_folder(folder.path());
  const auto spm = tulu::load_tokenizer(folder.path());
  CHECK(spm.special().bos == 1U);
  CHECK_FALSE(spm.special().pad.has_value());
  CHECK(spm.size() == 420);
  const auto legacy = tulu::load_tokenizer(folder.path(), tokenizer_mode::hf_legacy);
  CHECK(legacy.special().pad == 420U);
  CHECK(legacy.size() == 421);
  CHECK(legacy.warnings().empty());
  CHECK(legacy.encode("<pad>") == std::vector<tulu::token_id>{420});
}

TEST_CASE("load_tokenizer: the chat format of Tulu after an answer, as trained and otherwise") {
  const tulu::test::temp_dir folder;
  make_tulu_folder(folder.path());
  const auto legacy = tulu::load_tokenizer(folder.path(), tokenizer_mode::hf_legacy);
  const auto modern = tulu::load_tokenizer(folder.path(), tokenizer_mode::hf);
  const auto joined = [](const tulu::tokenizer& tokens, const std::string& rest, bool at_start) {
    std::vector<tulu::token_id> ids{2};
    const auto more = tokens.encode(rest, {.at_start = at_start});
    ids.insert(ids.end(), more.begin(), more.end());
    return ids;
  };
  CHECK(legacy.encode("</s>\n<|user|>") == joined(legacy, "<|user|>", true));
  CHECK(modern.encode("</s>\n<|user|>") == joined(modern, "\n<|user|>", false));
}

TEST_CASE("load_tokenizer: a file that the mode does not need and that is no good is a warning") {
  const tulu::test::temp_dir folder;
  make_tulu_folder(folder.path());
  tulu::test::write_file(folder.path() / "tokenizer.json", "{\"model\": {\"type\": \"WordPiece\"}}");
  const auto spm = tulu::load_tokenizer(folder.path());
  REQUIRE(spm.warnings().size() == 1);
  CHECK(spm.warnings()[0].find("tokenizer.json") != std::string::npos);
  CHECK(tulu::test::message_of([&] {
          static_cast<void>(tulu::load_tokenizer(folder.path(), tokenizer_mode::hf_fast));
        }).find("WordPiece") != std::string::npos);
}

TEST_CASE("load_tokenizer: a folder without the file that the mode reads is an error that names it") {
  const tulu::test::temp_dir folder;
  const auto name = folder.path().string();
  CHECK(tulu::test::message_of([&] { static_cast<void>(tulu::load_tokenizer(folder.path())); }) ==
        name + ": expected a tokenizer.model or a tokenizer.json, found neither");
  make_tulu_folder(folder.path());
  CHECK(tulu::test::message_of([&] {
          static_cast<void>(tulu::load_tokenizer(folder.path(), tokenizer_mode::hf_fast));
        }) == name + ": expected a tokenizer.json for mode hf-fast, found none");
}

TEST_CASE("load_tokenizer: in Meta's layout tokenizer.model may lie one folder up") {
  const tulu::test::temp_dir dir;
  const auto model = dir.path() / "7B";
  std::filesystem::copy(std::filesystem::path{TULU_TEST_DATA} / "meta/whole", model);
  const auto message = [&] { return tulu::test::message_of([&] { static_cast<void>(tulu::load_tokenizer(model)); }); };
  CHECK(message().find("expected a tokenizer.model or a tokenizer.json") != std::string::npos);
  std::filesystem::copy(data("slow/llama.model"), dir.path() / "tokenizer.model");
  CHECK(tulu::load_tokenizer(model).size() == 420);
  tulu::test::write_file(model / "tokenizer.model", "IQ== 0\nIg== 1\n");
  CHECK(message().find("tokenizer.model: expected a SentencePiece model, found a tiktoken vocabulary") !=
        std::string::npos);
  std::filesystem::remove(model / "tokenizer.model");
  std::filesystem::remove(model / "params.json");
  CHECK(message().find("expected a tokenizer.model or a tokenizer.json") != std::string::npos);
}

}  // namespace load_tokenizer_test
