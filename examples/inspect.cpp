#include <iostream>
#include <string>

#include "support/cli.hpp"
#include "support/conversions.hpp"
#include "support/progress_bar.hpp"
#include <tulu/diff/digest.hpp>
#include <tulu/simd/sha256.hpp>

namespace {

struct arguments {
  cli::common_options common{};
  std::string path{};
  bool no_sha256 = false;
};

void print_config(const tulu::inspection& found) {
  if (!found.config) {
    std::cout << "config: none: " << tulu::printable(found.no_config, 1000) << '\n';
    return;
  }
  const tulu::llama_config& config = *found.config;
  std::cout << "config: llama, vocab_size " << config.vocab_size << ", hidden_size " << config.hidden_size
            << ", intermediate_size " << config.intermediate_size << ", num_hidden_layers " << config.num_hidden_layers
            << ", num_attention_heads " << config.num_attention_heads << ", num_key_value_heads "
            << config.num_key_value_heads << ", head_dim " << config.head_dim << ", max_position_embeddings "
            << config.max_position_embeddings << ", rope_theta " << config.rope_theta << ", rms_norm_eps "
            << config.rms_norm_eps << (config.tie_word_embeddings ? ", tied embeddings" : "") << '\n';
}

void print_files(const tulu::inspection& found, const arguments& given) {
  const std::stop_token stop = cli::stop_on_interrupt();
  const auto hashing = tulu::simd::best_sha256(tulu::detect_cpu());
  cli::progress_bar bar{!given.common.quiet};
  std::size_t total = 0, done = 0;
  for (const auto& source : found.tensors.files()) total += source->file().size();
  const tulu::diff::hash_watch watch{stop, [&](std::size_t bytes) { bar.update(done += bytes, total); }};
  for (const auto& source : found.tensors.files()) {
    const auto& path = source->file().path();
    const std::string hash = given.no_sha256 ? "" : " sha256 " + tulu::diff::hash_file(path, hashing, watch);
    bar.clear();
    std::cout << "file: " << tulu::printable(path.filename().string()) << ' ' << source->file().size() << " bytes"
              << hash << '\n';
  }
}

void inspect(const arguments& given) {
  const tulu::inspection found = cli::inspect(given.path);
  std::cout << "format: " << found.format << '\n';
  print_config(found);
  std::cout << "tensors: " << found.tensors.tensors().size() << ", elements: " << found.elements() << '\n';
  for (const auto& [type, count] : found.types)
    std::cout << "dtype: " << name(type) << ' ' << count.tensors << (count.tensors == 1 ? " tensor, " : " tensors, ")
              << count.bytes << " bytes\n";
  std::cout << "diff: " << (found.diff_reason ? "yes: " + *found.diff_reason : std::string{"no"}) << '\n';
  if (!found.wanted_base.empty()) std::cout << "base: " << found.wanted_base << '\n';
  print_files(found, given);
  for (const auto& tensor : found.tensors.tensors())
    std::cout << tulu::printable(tensor.name()) << ' ' << name(tensor.type()) << ' ' << to_string(tensor.extents())
              << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Says what a checkpoint is: format, configuration, tensors, hashes, and whether it is a weight diff.",
               "inspect"};
  arguments given;
  app.add_option("model", given.path, "A model folder, a weight diff, or a weight file")->required();
  app.add_flag("--no-sha256", given.no_sha256, "Do not read the files to hash them");
  cli::add_common_options(app, given.common);
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  return cli::guarded([&] { inspect(given); });
}
