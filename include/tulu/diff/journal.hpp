#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
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

/// What a journal says of the run that began it.
struct journal_content {
  diff::identity identity;
  std::vector<std::string> files;               ///< every name that the run writes
  std::map<std::string, shard_record> records;  ///< of the completed shards
};

/// The file by which a killed run is continued: a line of JSON with the identity, then one per completed shard. A line
/// that the kill tore is as good as absent.
[[nodiscard]] inline std::optional<journal_content> load_journal(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / journal_name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  const io::file source{path};
  const std::string text = io::read_head(source, std::size_t{64} << 20);
  journal_content content;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const io::json line = io::parse_json(std::string_view{text}.substr(begin, end - begin), path.string());
    if (begin == 0) {
      content.identity = identity_from(line.value("identity", io::json{}), path.string());
      content.files = io::required<std::vector<std::string>>(line, "files", path.string());
    } else {
      content.records[io::required<std::string>(line, "file", path.string())] = {
          io::required<std::string>(line, "sha256", path.string()),
          io::required<std::vector<std::string>>(line, "tensors", path.string())};
    }
    begin = end + 1;
  }
  if (begin == 0) return std::nullopt;
  return content;
}

/// The journal of the run that goes on, locked against a second run on the same output. Safe to use from threads.
class journal {
 public:
  /// Continues the journal of `folder` when `resume`, else begins a new one.
  journal(const std::filesystem::path& folder, const identity& what, const std::vector<std::string>& files, bool resume)
      : path_{folder / journal_name}, fd_{::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)} {
    if (!fd_.valid()) throw io::system_error(path_, "create");
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0)
      throw mismatch_error(path_.string(), "", "to be the only run on this output", "another one at work");
    if (resume) {
      drop_torn_line();
    } else {
      begin(what, files);
    }
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
  void begin(const identity& what, const std::vector<std::string>& files) {
    if (::ftruncate(fd_.get(), 0) != 0) throw io::system_error(path_, "empty");
    append(io::json{{"identity", to_json(what)}, {"files", files}});
    io::sync_folder(path_.parent_path());
  }

  void drop_torn_line() {
    const io::file source{path_};
    const std::string text = io::read_head(source, source.size());
    if (::ftruncate(fd_.get(), static_cast<::off_t>(text.rfind('\n') + 1)) != 0) throw io::system_error(path_, "mend");
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
