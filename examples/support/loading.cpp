#include "loading.hpp"

#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/generation/load_tokenizer.hpp>
#include <tulu/model/load.hpp>

namespace cli {

tulu::checkpoint::catalogue open_checkpoint(const std::filesystem::path& path) {
  return tulu::checkpoint::open(path);
}

tulu::llama_config load_llama_config(const std::filesystem::path& model) {
  return tulu::load_llama_config(model);
}

tulu::tokenizer load_tokenizer(const std::filesystem::path& path, std::optional<tulu::tokenizer_mode> mode) {
  return tulu::load_tokenizer(path, mode);
}

std::unique_ptr<tulu::llama_model> load_model(const std::filesystem::path& path, const tulu::load_options& options) {
  return tulu::load_model(path, options);
}

std::unique_ptr<tulu::llama_model> load_model(const tulu::checkpoint::catalogue& model,
                                              const tulu::llama_config& config, const tulu::load_options& options) {
  return tulu::load_model(model, config, options);
}

std::shared_ptr<const tulu::llama_weights> load_llama_weights(const std::filesystem::path& path,
                                                              const tulu::load_options& options) {
  return tulu::load_llama_weights(path, options, *options.model.workers);
}

}  // namespace cli
