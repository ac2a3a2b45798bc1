#include <charconv>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "support/cli.hpp"
#include "support/loading.hpp"
#include "support/parse_ids.hpp"
#include <tulu/tokenizer/tokenizer.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  std::string model{};
  std::string mode{};
  bool bos = false;
  bool decode = false;
};

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string line_of(const std::vector<tulu::token_id>& ids) {
  std::string line;
  for (const tulu::token_id id : ids) {
    char digits[10];
    if (!line.empty()) line += ' ';
    line.append(digits, std::to_chars(digits, digits + sizeof digits, id).ptr);
  }
  return line += '\n';
}

void tokenize(const arguments& given) {
  std::optional<tulu::tokenizer_mode> mode;
  if (!given.mode.empty()) mode = tulu::parse_tokenizer_mode(given.mode);
  const tulu::tokenizer tokens = cli::load_tokenizer(given.model, mode);
  if (!given.common.quiet) cli::print_warnings(tokens.warnings());
  const std::string input = read_all(std::cin);
  if (given.decode) {
    std::cout << tokens.decode(cli::parse_ids(input, "standard input"));
  } else {
    std::cout << line_of(tokens.encode(input, {.bos = given.bos}));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  CLI::App app{"Text on standard input to the ids of a LLaMA tokenizer on one line, or back.", "tokenize"};
  arguments given;
  cli::add_common_options(app, given.common);
  app.add_option("--model", given.model, "A model folder, a tokenizer.model, a tokenizer.json or a GGUF file")
      ->required();
  app.add_option(
         "--mode", given.mode,
         "Whose ids: SentencePiece's (spm, the default where there is a tokenizer.model), those of transformers' "
         "slow tokenizer of 4.30 (hf-legacy) or 4.40 with legacy=False (hf), tokenizer.json's (hf-fast); of a GGUF "
         "file with byte-level BPE hf-fast (the default) and spm")
      ->check(cli::one_of(tulu::tokenizer_mode_names));
  auto* bos = app.add_flag("--bos", given.bos, "Put the BOS id first");
  app.add_flag("--decode", given.decode, "Ids on standard input to exactly their bytes")->excludes(bos);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { tokenize(given); });
}
