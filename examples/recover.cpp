#include <iostream>
#include <string>
#include <string_view>

#include "support/conversions.hpp"
#include "support/diff_program.hpp"
#include "support/loading.hpp"

namespace {

struct arguments : cli::diff_arguments {
  std::string scheme = "auto";
  std::string format = "safetensors";
  bool verify = false;

  [[nodiscard]] bool is_gguf() const { return format == "gguf"; }
};

void recover(const arguments& given) {
  cli::progress_bar bar{!given.common.quiet};
  tulu::diff_options options = cli::to_options(given, cli::stop_on_interrupt(), bar);
  if (given.scheme == "tulu") options.scheme = tulu::diff_scheme::tulu;
  if (given.scheme == "alpaca") options.scheme = tulu::diff_scheme::alpaca;
  if (given.base.empty()) return cli::run_verify(given, options, bar);

  const auto base = cli::open_checkpoint(given.base);
  const auto diff = cli::open_checkpoint(given.source);
  if (given.dry_run) return cli::print_plan(cli::plan_recover(base, diff, given.out, options), options);
  cli::run_diff(given, options, bar, [&](const tulu::diff_options& now) {
    return given.is_gguf() ? cli::recover_to_gguf(base, diff, given.out, now)
                           : cli::recover(base, diff, given.out, now);
  });
  if (given.verify) cli::run_verify(given, options, bar);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Recovers the tuned model from LLaMA weights and a released weight diff, in constant memory.",
               "recover"};
  arguments given;
  given.type = "auto";
  auto* base = app.add_option("--path_raw", given.base, "The base: LLaMA weights in Hugging Face layout");
  auto* diff = app.add_option("--path_diff", given.source, "The released weight diff");
  app.add_option("--path_tuned", given.out, "Where the tuned model goes: a new folder, or, with --format gguf, a file")
      ->required();
  base->needs(diff);
  diff->needs(base);
  app.add_option("--scheme", given.scheme, "Whose script made the diff")
      ->check(cli::one_of(tulu::diff_scheme_names))
      ->capture_default_str();
  app.add_option("--format", given.format, "Format of the output")
      ->check(cli::one_of(std::array<std::string_view, 2>{"safetensors", "gguf"}))
      ->capture_default_str();
  app.add_flag("--verify", given.verify,
               "Hash the output again and compare it with its manifest; alone with --path_tuned: only that");
  cli::add_diff_options(app, given, cli::auto_and_all_types());
  app.final_callback([&] {
    if (given.base.empty() && !given.verify) throw CLI::RequiredError("--path_raw and --path_diff");
    if (!given.is_gguf() && tulu::block_dtype(given.type))
      throw CLI::ValidationError("--dtype", given.type + " needs --format gguf");
    if (given.is_gguf() && given.dry_run) throw CLI::ValidationError("--dry-run", "not with --format gguf");
  });
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { recover(given); }, given.is_gguf() ? cli::starts_over : cli::can_be_continued);
}
