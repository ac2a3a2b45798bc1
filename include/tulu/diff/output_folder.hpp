#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <tulu/diff/journal.hpp>
#include <tulu/diff/manifest.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/io/atomic_file.hpp>

namespace tulu::diff {

/// What an output folder holds, seen from a plan.
struct output_state {
  std::optional<manifest> complete;           ///< of whatever inputs
  std::optional<journal_content> unfinished;  ///< of whatever inputs
  bool is_this_complete = false;              ///< the output of this very plan is whole
  bool is_this_unfinished = false;            ///< this very plan was begun
};

namespace detail {

/// The files that the manifest and the journal name.
[[nodiscard]] inline std::set<std::string> recorded_names(const output_state& state) {
  std::set<std::string> names;
  if (state.complete)
    for (const auto& [name, file] : state.complete->files) names.insert(name);
  if (state.unfinished) names.insert(state.unfinished->files.begin(), state.unfinished->files.end());
  return names;
}

/// Every file name that tulu may have put there: the recorded ones, manifest and journal, and their partial forms.
[[nodiscard]] inline std::set<std::string> own_names(const output_state& state) {
  std::set<std::string> names = recorded_names(state);
  names.insert(manifest_name);
  const std::set<std::string> whole = names;
  for (const std::string& name : whole) names.insert(io::partial_path(name).filename().string());
  names.insert(journal_name);
  return names;
}

inline void refuse_foreign_files(const std::filesystem::path& folder, const output_state& state) {
  const std::set<std::string> own = own_names(state);
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const std::string name = entry.path().filename().string();
    if (!own.contains(name) || !entry.is_regular_file())
      throw mismatch_error(folder.string(), "", "an empty folder or an output of this program",
                           "the foreign file " + printable(name));
  }
}

/// Nothing when every file of a complete output is there with its size, else what is wrong with the first that is not.
[[nodiscard]] inline std::optional<error> find_damage(const std::filesystem::path& folder, const manifest& content) {
  for (const auto& [name, file] : content.files) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(folder / name, failed);
    if (failed || size != file.bytes)
      return mismatch_error((folder / name).string(), "", std::to_string(file.bytes) + " bytes as in " + manifest_name,
                            (failed ? failed.message() : std::to_string(size)) + " (--force writes it again)");
  }
  return std::nullopt;
}

/// Throws for an output of other inputs or options.
inline void refuse_other(const std::filesystem::path& folder, std::string_view kind, const identity& work,
                         const identity& found) {
  if (const std::string difference = first_difference(work, found); !difference.empty())
    throw error{folder.string() + ": holds " + std::string{kind} + " output of something else: " + difference +
                " (--force replaces it)"};
}

}  // namespace detail

/// Looks at the output folder of `work`; changes nothing. Throws when it holds files of somebody else, or, without
/// `force`, an output of other inputs or options. With `force` nothing counts as complete.
[[nodiscard]] inline output_state examine_output(const plan& work, bool force) {
  output_state state;
  if (!std::filesystem::exists(work.folder)) return state;
  if (!std::filesystem::is_directory(work.folder))
    throw mismatch_error(work.folder.string(), "", "a folder or nothing", "a file");
  state.complete = load_manifest(work.folder);
  state.unfinished = load_journal(work.folder);
  detail::refuse_foreign_files(work.folder, state);
  state.is_this_unfinished = state.unfinished && first_difference(state.unfinished->identity, work.identity).empty();
  if (force) return state;
  if (state.unfinished) {
    detail::refuse_other(work.folder, "a partial", work.identity, state.unfinished->identity);
  } else if (state.complete) {
    detail::refuse_other(work.folder, "an", work.identity, state.complete->identity);
    if (const auto damage = detail::find_damage(work.folder, *state.complete)) throw *damage;
    state.is_this_complete = true;
  }
  return state;
}

/// Free bytes on the file system of `folder`, or of the nearest parent that exists.
[[nodiscard]] inline std::size_t free_space(const std::filesystem::path& folder) {
  std::filesystem::path place = std::filesystem::absolute(folder);
  while (!std::filesystem::exists(place) && place.has_relative_path()) place = place.parent_path();
  struct statvfs status {};
  if (::statvfs(place.c_str(), &status) != 0) throw io::system_error(place, "ask for its free space");
  return static_cast<std::size_t>(status.f_bavail) * status.f_frsize;
}

/// Throws when less than `bytes` are free for `folder`.
inline void check_free_space(const std::filesystem::path& folder, std::size_t bytes) {
  if (const std::size_t available = free_space(folder); available < bytes)
    throw mismatch_error(folder.string(), "", std::to_string(bytes) + " bytes free",
                         std::to_string(available) + " bytes");
}

/// What the file of `path` takes on disk; 0 when there is none.
[[nodiscard]] inline std::size_t allocated_bytes(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * 512 : 0;
}

}  // namespace tulu::diff
