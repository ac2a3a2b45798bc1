#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include <tulu/checkpoint/open.hpp>
#include <tulu/diff/digest.hpp>
#include <tulu/diff/manifest.hpp>
#include <tulu/diff/options.hpp>

namespace tulu {

namespace detail {

inline void expect_hash(const std::filesystem::path& file, std::string_view place, std::string_view expected,
                        std::string_view found) {
  if (expected != found)
    throw mismatch_error(file.string(), place, "SHA-256 " + std::string{expected}, std::string{found});
}

/// Weights that the manifest does not name, which a loader could take for the model.
inline void refuse_other_weights(const std::filesystem::path& folder, const diff::manifest& content) {
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const std::string name = entry.path().filename().string();
    const bool is_weights = name.ends_with(".safetensors") || name.ends_with(".bin") || name.ends_with(".index.json");
    if (is_weights && !name.starts_with(".") && !content.files.contains(name))
      throw mismatch_error(entry.path().string(), "",
                           std::string{"only weights that "} + diff::manifest_name + " names", "others");
  }
}

[[nodiscard]] inline diff::manifest verify_output(const std::filesystem::path& folder, const diff_options& options) {
  if (!std::filesystem::is_directory(folder)) throw mismatch_error(folder.string(), "", "a folder", "none");
  auto content = diff::load_manifest(folder);
  if (!content)
    throw mismatch_error(folder.string(), "", std::string{"an output with "} + diff::manifest_name,
                         "none (the output is not complete)");
  refuse_other_weights(folder, *content);
  std::size_t total = 0;
  for (const auto& [name, file] : content->files) total += file.bytes;
  std::size_t done = 0;
  const diff::hash_watch watch{options.stop, [&](std::size_t bytes) {
                                 done += bytes;
                                 if (options.on_progress) options.on_progress(done, total);
                               }};
  std::map<std::string, diff::tensor_fingerprint> fingerprints;
  for (const auto& [name, file] : content->files) {
    const std::filesystem::path path = folder / name;
    if (const std::size_t size = io::file{path}.size(); size != file.bytes)
      throw mismatch_error(path.string(), "", std::to_string(file.bytes) + " bytes", std::to_string(size));
    if (name.ends_with(".safetensors")) {
      const checkpoint::catalogue shard = checkpoint::open(path);
      const checkpoint::shard_digest digest = diff::hash_shard(path, options.hashing, watch);
      expect_hash(path, "", file.sha256, io::to_hex(digest.file));
      for (std::size_t i = 0; i < digest.tensors.size(); ++i) {
        const checkpoint::stored_tensor& tensor = shard.tensors()[i];
        fingerprints[tensor.name()] = {tensor.type(), tensor.extents(), io::to_hex(digest.tensors[i])};
      }
    } else {
      expect_hash(path, "", file.sha256, diff::hash_file(path, options.hashing, watch));
    }
  }
  expect_hash(folder / diff::manifest_name, "tensor_digest", content->tensor_digest,
              diff::tensor_digest(fingerprints, options.hashing));
  return *std::move(content);
}

}  // namespace detail

/// Reads every file of an output again and compares it with the manifest. Throws at the first file that is missing or
/// changed; returns the manifest, whose tensor digest then holds for the bytes on disk.
inline diff::manifest verify(const std::filesystem::path& folder, const diff_options& options = {}) {
  return io::with_path_errors([&] { return detail::verify_output(folder, options); });
}

}  // namespace tulu
