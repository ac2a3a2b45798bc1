#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/convert/convert_to_gguf.hpp>
#include <tulu/convert/gguf_output.hpp>
#include <tulu/convert/model_source.hpp>
#include <tulu/convert/options.hpp>
#include <tulu/diff/prepare.hpp>
#include <tulu/diff/tuned_catalogue.hpp>
#include <tulu/model/quantised_type.hpp>

namespace tulu {

/// Recovers the tuned model of a base and a weight diff as the GGUF file `path_tuned`, in one pass: the sums of
/// `recover`, in float32 when a block type is asked for, are quantised as they come. Tokenizer and configuration are
/// the diff's. Throws before touching `path_tuned` when anything does not fit; the rules of convert_to_gguf's output
/// hold.
inline convert_result recover_to_gguf(const checkpoint::catalogue& base, const checkpoint::catalogue& diff,
                                      const std::filesystem::path& path_tuned, const convert_options& options = {}) {
  return io::with_path_errors([&] {
    convert_options sums = options;
    if (options.type && is_block_type(*options.type)) sums.type = dtype::f32;
    const diff::plan work = diff::prepare(diff::operation::add, base, diff, path_tuned, sums);
    convert::model_source source{diff::tuned_catalogue(work, diff, *options.kernels), load_llama_config(diff.path()),
                                 checkpoint::folder_of(diff.path())};
    source.name = path_tuned.stem().string();
    source.config.tie_word_embeddings = source.tensors.find(checkpoint::head_name) == nullptr;
    convert::check_tensors(source);
    convert::gguf_job job = convert::prepare_gguf(source, path_tuned, options);
    job.identity = work.identity;
    job.identity.emplace_back("gguf", options.type ? std::string{name(*options.type)} : "auto");
    job.warnings.insert(job.warnings.begin(), work.warnings.begin(), work.warnings.end());
    return convert::write_gguf(job, options);
  });
}

}  // namespace tulu
