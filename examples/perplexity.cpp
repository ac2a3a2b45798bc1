#include <cstddef>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "support/cli.hpp"
#include "support/model_options.hpp"
#include "support/progress_bar.hpp"
#include "support/read_text.hpp"
#include <tulu/generation/load_tokenizer.hpp>
#include <tulu/generation/perplexity.hpp>
#include <tulu/model/load.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  cli::model_arguments model{};
  std::string file{};
  std::size_t context = 512;
};

void measure(const arguments& given) {
  const std::string text = cli::read_text(given.file);
  const tulu::tokenizer tokens = tulu::load_tokenizer(given.model.model);
  if (!given.common.quiet) cli::print_warnings(tokens.warnings());
  tulu::perplexity_options options{.context = given.context,
                                   .bos = tulu::perplexity_bos(tokens),
                                   .name = given.file,
                                   .stop = cli::stop_on_interrupt()};
  const std::vector<tulu::token_id> ids = tokens.encode(text, {.bos = options.bos.has_value()});
  cli::progress_bar bar{!given.common.quiet};
  const auto model =
      tulu::load_model(given.model.model, cli::to_load_options(given.model, given.common, options.stop, bar));
  bar.clear();
  cli::print_warnings(model->weights().warnings);
  if (!given.common.quiet)
    options.on_progress = [](std::size_t done, std::size_t total) {
      std::fprintf(stderr, "chunk %zu of %zu\n", done, total);
    };
  const tulu::perplexity_result result = tulu::perplexity(*model, ids, options);
  char line[64];
  std::snprintf(line, sizeof line, "perplexity %.6f tokens %zu\n", result.value, result.tokens);
  std::cout << line;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The perplexity of a text, by the protocol of llama-perplexity.", "perplexity"};
  arguments given;
  cli::add_common_options(app, given.common);
  app.add_option("--model", given.model.model, "A model folder, a weight file with config.json beside it, or F.gguf")
      ->required();
  app.add_option("--file", given.file, "The text")->required();
  app.add_option("--context", given.context, "Tokens of a chunk, the second half of which is predicted")
      ->capture_default_str();
  cli::add_model_options(app, given.model);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { measure(given); });
}
