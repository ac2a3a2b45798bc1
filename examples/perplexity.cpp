#include <array>
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "support/chat_model.hpp"
#include "support/cli.hpp"
#include "support/loading.hpp"
#include "support/model_options.hpp"
#include "support/progress_bar.hpp"
#include "support/read_text.hpp"
#include <tulu/chat/segment.hpp>
#include <tulu/generation/encode_prompt.hpp>
#include <tulu/generation/perplexity.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  cli::model_arguments model{};
  std::string file{};
  std::size_t context = 512;
};

/// The ids of a text, and what each chunk of them begins with.
struct encoded_text {
  std::vector<tulu::token_id> ids;
  std::optional<tulu::token_id> bos;
};

/// The text of the file as the model's tokenizer reads a prompt: nothing in it becomes a special token.
encoded_text read_ids(const arguments& given) {
  const std::array<tulu::chat::segment, 2> segments{
      {{tulu::chat::segment_kind::start, {}}, {tulu::chat::segment_kind::text, cli::read_text(given.file)}}};
  const auto tokens = cli::load_own_tokenizer(given.model.model);
  if (!given.common.quiet) cli::print_warnings(tokens.warnings());
  const tulu::special_tokens& special = tokens.special();
  return {tulu::encode_prompt(tokens, segments), special.adds_bos ? special.bos : std::nullopt};
}

/// What is wrong with the length is told before the model is loaded.
void check_length(const arguments& given, const tulu::llama_config& config, std::size_t ids) {
  constexpr std::size_t least = tulu::least_perplexity_context;
  const std::size_t most = config.longest_sequence();
  if (given.context < least || given.context > most)
    throw tulu::mismatch_error(
        "--context", "",
        std::to_string(least) + " to " + std::to_string(most) + " ids, what " + config.file + " is made for",
        std::to_string(given.context));
  if (ids < given.context)
    throw tulu::mismatch_error(given.file, "",
                               "a text of at least " + std::to_string(given.context) + " ids, which --context asks for",
                               "one of " + std::to_string(ids));
}

void compute(const arguments& given) {
  const tulu::llama_config config = cli::load_llama_config(given.model.model);
  const encoded_text text = read_ids(given);
  check_length(given, config, text.ids.size());
  const auto stop = cli::stop_on_interrupt();
  cli::progress_bar loading{!given.common.quiet};
  const auto model = cli::load_model(given.model.model, cli::to_load_options(given.model, given.common, stop, loading));
  loading.clear();
  cli::print_warnings(model->weights().warnings);
  cli::progress_bar bar{!given.common.quiet, "chunks"};
  tulu::perplexity_options options;
  options.context = given.context;
  options.bos = text.bos;
  options.on_chunk = [&](const tulu::perplexity_result& so_far, std::size_t chunks) {
    bar.update(so_far.chunks, chunks);
  };
  options.stop = stop;
  const tulu::perplexity_result result = tulu::perplexity(*model, text.ids, options);
  bar.clear();
  std::cout << "perplexity " << std::fixed << std::setprecision(6) << result.perplexity() << " tokens " << result.tokens
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How well a LLaMA model predicts a text: perplexity by llama-perplexity's protocol.", "perplexity"};
  arguments given;
  cli::add_common_options(app, given.common);
  app.add_option("--model", given.model.model, cli::model_help)->required();
  app.add_option("--file", given.file, "The text")->required();
  app.add_option("--context", given.context, "Tokens of a chunk; the second half of each is predicted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli::add_model_options(app, given.model);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { compute(given); });
}
