#include <array>
#include <string>
#include <string_view>

#include "support/conversions.hpp"
#include "support/diff_program.hpp"

namespace {

struct arguments : cli::diff_arguments {
  std::string format = "auto";

  [[nodiscard]] bool is_gguf() const { return format == "gguf" || (format == "auto" && out.ends_with(".gguf")); }
};

void convert(const arguments& given) {
  cli::progress_bar bar{!given.common.quiet};
  const tulu::diff_options options = cli::to_options(given, cli::stop_on_interrupt(), bar);
  cli::run_diff(given, options, bar, [&](const tulu::diff_options& now) {
    return given.is_gguf() ? cli::convert_to_gguf(given.source, given.out, now)
                           : cli::convert_to_folder(given.source, given.out, now);
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Converts a LLaMA model between Meta's layout, Hugging Face's and GGUF, in constant memory.", "convert"};
  arguments given;
  given.type = "auto";
  app.add_option("--from", given.source, "The model: a folder in Hugging Face's or Meta's layout, or F.gguf")
      ->required();
  app.add_option("--to", given.out, "Where it goes: a new folder, or F.gguf")->required();
  app.add_option("--format", given.format, "Format of the output; auto: GGUF for a name that ends in .gguf")
      ->check(cli::one_of(std::array<std::string_view, 3>{"auto", "safetensors", "gguf"}))
      ->capture_default_str();
  cli::add_output_options(app, given, cli::auto_and_all_types());
  app.final_callback([&] {
    if (!given.is_gguf() && tulu::block_dtype(given.type))
      throw CLI::ValidationError("--dtype", given.type + " needs --format gguf");
  });
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { convert(given); }, given.is_gguf() ? cli::starts_over : cli::can_be_continued);
}
