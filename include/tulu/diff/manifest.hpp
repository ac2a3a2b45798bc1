#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tulu/diff/digest.hpp>
#include <tulu/diff/identity.hpp>
#include <tulu/io/json.hpp>

namespace tulu::diff {

inline constexpr char manifest_name[] = "tulu_manifest.json";

/// Size and hash of one file of the output.
struct file_fingerprint {
  std::size_t bytes = 0;
  std::string sha256{};  ///< lowercase hex
};

/// The last file of an output: it is there exactly when the output is whole.
struct manifest {
  diff::identity identity;
  std::string tensor_digest;
  std::map<std::string, file_fingerprint> files;
  std::map<std::string, std::string> tensors;  ///< name → SHA-256 of the data
};

[[nodiscard]] inline io::json to_json(const identity& pairs) {
  io::json object = io::json::object();
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

[[nodiscard]] inline identity identity_from(const io::json& object, std::string_view file) {
  if (!object.is_object()) throw mismatch_error(file, "identity", "an object", io::describe(object));
  identity pairs;
  for (const auto& item : object.items())
    pairs.emplace_back(item.key(), io::required<std::string>(object, item.key(), file));
  return pairs;
}

[[nodiscard]] inline std::string format_manifest(const manifest& content) {
  io::json object;
  object["tulu_manifest"] = 1;
  object["identity"] = to_json(content.identity);
  object["tensor_digest"] = content.tensor_digest;
  for (const auto& [name, file] : content.files)
    object["files"][name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  object["tensors"] = content.tensors;
  return object.dump(2) + "\n";
}

/// The manifest in the file `path`, or nothing when there is none.
[[nodiscard]] inline std::optional<manifest> load_manifest_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string file = path.string();
  const io::json object(io::load_json(path));
  if (io::required<int>(object, "tulu_manifest", file) != 1)
    throw mismatch_error(file, "tulu_manifest", "1", io::describe(object["tulu_manifest"]));
  manifest content;
  content.identity = identity_from(object.value("identity", io::json{}), file);
  content.tensor_digest = io::required<std::string>(object, "tensor_digest", file);
  const io::json files = object.value("files", io::json::object());
  for (const auto& item : files.items()) {
    if (!io::is_plain_file_name(item.key()))
      throw mismatch_error(file, "files", "plain file names", printable(item.key()));
    content.files[item.key()] = {io::required<std::size_t>(item.value(), "bytes", file),
                                 io::required<std::string>(item.value(), "sha256", file)};
  }
  const io::json tensors = object.value("tensors", io::json::object());
  for (const auto& item : tensors.items())
    content.tensors[item.key()] = io::required<std::string>(tensors, item.key(), file);
  return content;
}

/// The manifest of an output folder, or nothing when there is none.
[[nodiscard]] inline std::optional<manifest> load_manifest(const std::filesystem::path& folder) {
  return load_manifest_file(folder / manifest_name);
}

}  // namespace tulu::diff
