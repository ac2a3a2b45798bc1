#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/diff/identity.hpp>
#include <tulu/diff/manifest.hpp>
#include <tulu/io/atomic_file.hpp>
#include <tulu/io/json.hpp>

namespace tulu::diff {

inline constexpr char journal_name[] = ".tulu_manifest.journal";

/// The hashes of a completed shard, in hex.
struct shard_record {
  std::string sha256;
  std::vector<std::string> tensors;  ///< in the order of the data
};

[[nodiscard]] inline shard_record to_record(const checkpoint::shard_digest& digest) {
  shard_record record{io::to_hex(digest.file), {}};
  for (const checkpoint::sha256_digest& tensor : digest.tensors) record.tensors.push_back(io::to_hex(tensor));
  return record;
}

/// What a journal says of the run that went on last.
struct journal_content {
  diff::identity identity;
  std::set<std::string> files;                  ///< every name that this run or one before it wrote or replaces
  std::map<std::string, shard_record> records;  ///< of the completed shards
};

namespace detail {

/// A name that a journal or manifest brings is joined to the folder, and may be removed there.
[[nodiscard]] inline std::string checked_name(std::string name, const std::string& file) {
  if (!io::is_plain_file_name(name)) throw mismatch_error(file, "files", "plain file names", printable(name));
  return name;
}

inline void read_line(const io::json& line, const std::string& file, journal_content& content) {
  if (line.is_object() && line.contains("identity")) {
    content.identity = identity_from(line["identity"], file);
    content.records.clear();
    for (std::string& name : io::required<std::vector<std::string>>(line, "files", file))
      content.files.insert(checked_name(std::move(name), file));
  } else {
    content.records[checked_name(io::required<std::string>(line, "file", file), file)] = {
        io::required<std::string>(line, "sha256", file), io::required<std::vector<std::string>>(line, "tensors", file)};
  }
}

/// Locks the file of `path` that was opened as `fd` against a second run on the same output; throws when one has it. A
/// file system without locks cannot keep a second run away; that is no reason to refuse the first.
inline void lock_alone(const io::descriptor& fd, const std::filesystem::path& path) {
  const int failure = ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  const bool has_no_locks = failure == ENOSYS || failure == EOPNOTSUPP || failure == ENOLCK;
  if (failure != 0 && failure != EWOULDBLOCK && !has_no_locks) throw io::system_error(path, "lock");
  struct stat opened {};
  struct stat named {};  // another run may have ended, and removed the file, since it was opened
  const bool is_current =
      ::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  if (failure == EWOULDBLOCK || !is_current)
    throw mismatch_error(path.string(), "", "to be the only run on this output", "another one at work");
}

}  // namespace detail

/// The file by which a killed run is continued: a line of JSON with the identity when a run begins, then one for each
/// completed shard. A line that the kill tore is as good as absent. A run of other inputs or options that takes the
/// folder over adds its own lines, so that no name is forgotten.
[[nodiscard]] inline std::optional<journal_content> load_journal(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / journal_name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  const io::file source{path};
  const std::string text = io::read_head(source, std::size_t{64} << 20);
  journal_content content;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string_view line = std::string_view{text}.substr(begin, end - begin);
    detail::read_line(io::parse_json(line, path.string()), path.string(), content);
    begin = end + 1;
  }
  if (begin == 0) return std::nullopt;
  return content;
}

/// The journal of the run that goes on, locked against a second run on the same output. Safe to use from threads.
class journal {
 public:
  /// Continues the journal of `folder` when `resume`, else adds a new run of `what` that owns `files`.
  journal(const std::filesystem::path& folder, const identity& what, const std::set<std::string>& files, bool resume)
      : path_{folder / journal_name}, fd_{::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)} {
    if (!fd_.valid()) throw io::system_error(path_, "create");
    detail::lock_alone(fd_, path_);
    const bool is_empty = drop_torn_line() == 0;
    if (resume && !is_empty) return;
    append(io::json{{"identity", to_json(what)}, {"files", files}});
    io::sync_folder(folder);
  }

  /// Remembers a shard whose bytes are all on disk.
  void record(const std::string& file, const shard_record& shard) {
    append(io::json{{"file", file}, {"sha256", shard.sha256}, {"tensors", shard.tensors}});
  }

  void remove() {
    if (::unlink(path_.c_str()) != 0) throw io::system_error(path_, "remove");
    io::sync_folder(path_.parent_path());
  }

 private:
  /// The bytes that are left.
  std::size_t drop_torn_line() {
    const io::file source{path_};
    const std::string text = io::read_head(source, source.size());
    const std::size_t whole = text.rfind('\n') + 1;
    if (whole != text.size() && ::ftruncate(fd_.get(), static_cast<::off_t>(whole)) != 0)
      throw io::system_error(path_, "mend");
    return whole;
  }

  void append(const io::json& object) {
    const std::string line = object.dump() + "\n";
    const std::lock_guard lock{mutex_};
    if (::write(fd_.get(), line.data(), line.size()) != static_cast<::ssize_t>(line.size()) || ::fsync(fd_.get()) != 0)
      throw io::system_error(path_, "write");
  }

  std::filesystem::path path_;
  io::descriptor fd_;
  std::mutex mutex_;
};

}  // namespace tulu::diff
