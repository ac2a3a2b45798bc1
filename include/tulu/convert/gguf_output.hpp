#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <tulu/checkpoint/gguf_writer.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/convert/options.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/diff/digest.hpp>
#include <tulu/diff/identity.hpp>
#include <tulu/diff/journal.hpp>
#include <tulu/diff/manifest.hpp>
#include <tulu/diff/output_folder.hpp>
#include <tulu/io/atomic_file.hpp>

namespace tulu::convert {

/// One GGUF file to be written: everything that is decided before its first byte.
struct gguf_job {
  std::filesystem::path path;
  std::vector<checkpoint::stored_tensor> tensors;  ///< under GGUF's names, in the order of the file
  std::vector<checkpoint::gguf_entry> metadata;
  diff::identity identity;
  std::vector<std::string> warnings{};
};

/// The manifest of F.gguf: F.gguf.tulu_manifest.json.
[[nodiscard]] inline std::filesystem::path gguf_manifest_path(const std::filesystem::path& file) {
  return file.parent_path() / (file.filename().string() + "." + diff::manifest_name);
}

namespace detail {

/// Keeps a second run away from the same output while it lives: a locked file `.NAME.lock` beside it.
class output_lock {
 public:
  explicit output_lock(const std::filesystem::path& target)
      : path_{target.parent_path() / ("." + target.filename().string() + ".lock")},
        fd_{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)} {
    if (!fd_.valid()) throw io::system_error(path_, "create");
    diff::detail::lock_alone(fd_, path_);
  }
  output_lock(const output_lock&) = delete;
  output_lock& operator=(const output_lock&) = delete;
  ~output_lock() { ::unlink(path_.c_str()); }

 private:
  std::filesystem::path path_;
  io::descriptor fd_;
};

[[nodiscard]] inline std::vector<checkpoint::gguf_tensor> infos_of(const gguf_job& job) {
  std::vector<checkpoint::gguf_tensor> infos;
  for (const auto& tensor : job.tensors) infos.push_back({tensor.name(), tensor.type(), tensor.extents()});
  return infos;
}

/// Streams the bytes of tensors into a gguf_writer, a window's worth at a time on all threads.
class tensor_stream {
 public:
  tensor_stream(checkpoint::gguf_writer& out, const convert_options& options, std::size_t total)
      : out_{out}, options_{options}, total_{total}, threads_{options.threads} {}

  void write(const checkpoint::stored_tensor& tensor) {
    const std::size_t unit = bytes_of(tensor.type(), block_of(tensor.type()));
    for (std::size_t first = 0; first < tensor.size();) {
      if (options_.stop.stop_requested()) throw cancelled{};
      const std::span<std::byte> room = out_.room();
      const std::size_t blocks = std::min(room.size() / unit, (tensor.size() - first) / block_of(tensor.type()));
      const std::size_t count = std::max<std::size_t>(blocks, 1) * block_of(tensor.type());
      const std::size_t bytes = bytes_of(tensor.type(), count);
      if (blocks != 0) {
        fill(tensor, first, room.first(bytes));
        out_.advance(bytes);
      } else {  // a block that lies across the end of the window
        std::vector<std::byte> one(bytes);
        tensor.read(first, count, one);
        out_.append(one);
      }
      first += count;
      done_ += bytes;
      if (options_.on_progress) options_.on_progress(done_, total_);
    }
  }

 private:
  static constexpr std::size_t piece = std::size_t{1} << 15;  ///< elements that one thread works on, whole blocks

  void fill(const checkpoint::stored_tensor& tensor, std::size_t first, std::span<std::byte> out) {
    const std::size_t count = out.size() / traits(tensor.type()).bytes * block_of(tensor.type());
    threads_.parallel_for((count + piece - 1) / piece, [&](std::size_t index, std::size_t) {
      const std::size_t begin = index * piece;
      const std::size_t length = std::min(piece, count - begin);
      tensor.read(first + begin, length, out.subspan(bytes_of(tensor.type(), begin), bytes_of(tensor.type(), length)));
    });
  }

  checkpoint::gguf_writer& out_;
  const convert_options& options_;
  std::size_t total_;
  std::size_t done_ = 0;
  executor threads_;
};

/// The manifest of the file that `digest` is of.
[[nodiscard]] inline diff::manifest manifest_of(const gguf_job& job, std::size_t file_bytes,
                                                const checkpoint::shard_digest& digest,
                                                const convert_options& options) {
  diff::manifest content{job.identity, {}, {}, {}};
  std::map<std::string, diff::tensor_fingerprint> fingerprints;
  for (std::size_t i = 0; i < job.tensors.size(); ++i) {
    const std::string hash = io::to_hex(digest.tensors.at(i));
    content.tensors[job.tensors[i].name()] = hash;
    fingerprints[job.tensors[i].name()] = {job.tensors[i].type(), job.tensors[i].extents(), hash};
  }
  content.files[job.path.filename().string()] = {file_bytes, io::to_hex(digest.file)};
  content.tensor_digest = diff::tensor_digest(fingerprints, options.hashing);
  return content;
}

/// The manifest beside the output when it says that the output of this very job is whole. Throws for a file of somebody
/// else, and, without `force`, for an output of other inputs or options and for a damaged one.
[[nodiscard]] inline std::optional<diff::manifest> examine_gguf(const gguf_job& job, bool force) {
  const auto found = diff::load_manifest_file(gguf_manifest_path(job.path));
  const bool is_there = std::filesystem::exists(std::filesystem::symlink_status(job.path));
  const bool is_partial = std::filesystem::exists(io::partial_path(job.path));
  const std::string name = job.path.filename().string();
  if (is_there && (!found || !found->files.contains(name)))
    throw mismatch_error(job.path.string(), "", "nothing or an output of this program", "a foreign file");
  const bool is_left_over = !is_there && !is_partial;  // a manifest whose file was removed
  if (!found || force || is_left_over) return std::nullopt;
  diff::detail::refuse_other(job.path, is_there ? "an" : "a partial", job.identity, found->identity);
  if (!is_there || is_partial) return std::nullopt;
  if (const std::size_t size = std::filesystem::file_size(job.path); size != found->files.at(name).bytes)
    throw mismatch_error(job.path.string(), "",
                         std::to_string(found->files.at(name).bytes) + " bytes as its manifest says",
                         std::to_string(size) + " (--force writes it again)");
  return found;
}

}  // namespace detail

/// Writes a GGUF file in one pass: `.NAME.partial`, synced, then its manifest, then its name. The output of the same
/// job that is complete is left as it is. Memory: that of shard_writer and of the executor's reads, whatever the model.
inline convert_result write_gguf(const gguf_job& job, const convert_options& options) {
  const std::vector<checkpoint::gguf_tensor> infos = detail::infos_of(job);
  checkpoint::gguf_plan plan = checkpoint::plan_gguf({job.path, job.metadata}, infos);
  const std::size_t file_bytes = plan.file_bytes;
  const auto as_it_is = [&](const diff::manifest& whole) -> convert_result {
    return {job.tensors.size(), file_bytes, 1, 0, true, whole.tensor_digest};
  };
  if (const auto whole = detail::examine_gguf(job, options.force)) return as_it_is(*whole);
  if (options.on_warning)
    for (const std::string& warning : job.warnings) options.on_warning(warning);
  if (const auto parent = job.path.parent_path(); !parent.empty()) std::filesystem::create_directories(parent);
  const detail::output_lock lock{job.path};
  // Another run may have ended since the first look, which takes no lock so that what is complete stays untouched.
  if (const auto whole = detail::examine_gguf(job, options.force)) return as_it_is(*whole);
  const std::size_t reserved = diff::allocated_bytes(io::partial_path(job.path));
  diff::check_free_space(job.path, file_bytes - std::min(file_bytes, reserved));
  checkpoint::gguf_writer out{job.path, std::move(plan), infos, options.hashing};
  detail::tensor_stream stream{out, options, file_bytes};
  for (const checkpoint::stored_tensor& tensor : job.tensors) stream.write(tensor);
  const diff::manifest content = detail::manifest_of(job, file_bytes, out.complete(), options);
  io::write_atomically(gguf_manifest_path(job.path), diff::format_manifest(content));
  io::publish(job.path);
  return {job.tensors.size(), file_bytes, 1, 0, false, content.tensor_digest};
}

/// Reads a GGUF file that write_gguf made again and compares it with its manifest, which it returns. Throws when there
/// is no manifest and when the file has changed.
[[nodiscard]] inline diff::manifest verify_gguf(const std::filesystem::path& path, const convert_options& options) {
  auto content = diff::load_manifest_file(gguf_manifest_path(path));
  const std::string name = path.filename().string();
  if (!content || !content->files.contains(name))
    throw mismatch_error(path.string(), "", "an output with " + gguf_manifest_path(path).filename().string(), "none");
  const std::size_t total = io::file{path}.size();
  std::size_t done = 0;
  const diff::hash_watch watch{options.stop, [&](std::size_t bytes) {
                                 done += bytes;
                                 if (options.on_progress) options.on_progress(done, total);
                               }};
  const std::string found = diff::hash_file(path, options.hashing, watch);
  if (const std::string& expected = content->files.at(name).sha256; found != expected)
    throw mismatch_error(path.string(), "", "SHA-256 " + expected, found);
  return *std::move(content);
}

}  // namespace tulu::convert
