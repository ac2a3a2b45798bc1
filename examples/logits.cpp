#include <array>
#include <span>
#include <string>
#include <vector>

#include "support/cli.hpp"
#include "support/loading.hpp"
#include "support/model_options.hpp"
#include "support/parse_ids.hpp"
#include "support/progress_bar.hpp"
#include "support/read_text.hpp"
#include <tulu/io/npy.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  cli::model_arguments model{};
  std::string ids{};
  std::string out{};
};

/// The ids of a file, fit for the model.
std::vector<tulu::token_id> read_ids(const std::string& path, const tulu::llama_config& config) {
  const auto ids = cli::parse_ids(cli::read_text(path), path);
  if (ids.empty()) throw tulu::mismatch_error(path, "", "at least one id", "none");
  if (ids.size() > config.longest_sequence())
    throw tulu::mismatch_error(
        path, "", "at most " + std::to_string(config.longest_sequence()) + " ids, the context of " + config.file,
        std::to_string(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] >= config.vocab_size)
      throw tulu::mismatch_error(path, "word " + std::to_string(i + 1),
                                 "an id below " + std::to_string(config.vocab_size) + ", the size of the vocabulary",
                                 std::to_string(ids[i]));
  return ids;
}

void compute(const arguments& given) {
  const tulu::llama_config config = cli::load_llama_config(given.model.model);
  const auto ids = read_ids(given.ids, config);
  const auto stop = cli::stop_on_interrupt();
  cli::progress_bar bar{!given.common.quiet};
  const std::array extents{ids.size(), config.vocab_size};
  tulu::io::write_npy(given.out, extents, [&](auto&& write) {
    tulu::load_options options = cli::to_load_options(given.model, given.common, stop, bar);
    options.model.max_batch = tulu::kernel::few_tokens;  // the kernels that round activations least
    const auto model = cli::load_model(given.model.model, options);
    bar.clear();
    cli::print_warnings(model->weights().warnings);
    tulu::kv_cache cache = model->make_cache(ids.size(), tulu::dtype::f32);
    model->prefill_all(
        cache, ids, [&](std::size_t, std::span<const float> row) { write(row); }, stop);
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The logits of a LLaMA model after each of the given ids, as a NumPy file.", "logits"};
  arguments given;
  cli::add_common_options(app, given.common);
  app.add_option("--model", given.model.model, cli::model_help)->required();
  app.add_option("--ids-file", given.ids, "A file of ids, blank-separated, taken as they are")->required();
  app.add_option("--out", given.out,
                 "The .npy file to write: float32, a row for each id, a column for each row of lm_head")
      ->required();
  cli::add_model_options(app, given.model);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { compute(given); });
}
