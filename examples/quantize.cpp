#include <array>
#include <string_view>

#include "support/conversions.hpp"
#include "support/diff_program.hpp"

namespace {

void quantize(const cli::diff_arguments& given) {
  cli::progress_bar bar{!given.common.quiet};
  const tulu::diff_options options = cli::to_options(given, cli::stop_on_interrupt(), bar);
  cli::run_diff(given, options, bar,
                [&](const tulu::diff_options& now) { return cli::convert_to_gguf(given.source, given.out, now); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Writes a LLaMA model as GGUF with weights of 8, 6 or 4 bits, in constant memory.", "quantize"};
  cli::diff_arguments given;
  app.add_option("--model", given.source, "The model: a folder in Hugging Face's or Meta's layout, or F.gguf")
      ->required();
  app.add_option("--out", given.out, "Where it goes: F.gguf")->required();
  cli::add_common_options(app, given.common);
  app.add_option("--dtype", given.type, "Type of the matrices; what does not fit takes the next type that does")
      ->check(cli::one_of(std::array<std::string_view, 7>{"q8_0", "q4_0", "q4_k", "q6_k", "f16", "bf16", "f32"}))
      ->required();
  app.add_flag("--force", given.force, "Replace an output that tulu made of other inputs or options");
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { quantize(given); }, cli::starts_over);
}
