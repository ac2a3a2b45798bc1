#include "support/conversions.hpp"
#include "support/diff_program.hpp"
#include "support/loading.hpp"

namespace {

void make_diff(const cli::diff_arguments& given) {
  cli::progress_bar bar{!given.common.quiet};
  const tulu::diff_options options = cli::to_options(given, cli::stop_on_interrupt(), bar);
  const auto base = cli::open_checkpoint(given.base);
  const auto tuned = cli::open_checkpoint(given.source);
  if (given.dry_run) return cli::print_plan(cli::plan_make_diff(base, tuned, given.out, options), options);
  cli::run_diff(given, options, bar,
                [&](const tulu::diff_options& now) { return cli::make_diff(base, tuned, given.out, now); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes the weight diff of a tuned model to its base, for people who publish one.", "make_diff"};
  cli::diff_arguments given;
  given.type = "float32";
  app.add_option("--path_raw", given.base, "The base: LLaMA weights in Hugging Face layout")->required();
  app.add_option("--path_tuned", given.source, "The tuned model")->required();
  app.add_option("--path_diff", given.out, "Where the diff goes: a new folder")->required();
  cli::add_diff_options(app, given, cli::plain_types);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { make_diff(given); }, cli::can_be_continued);
}
