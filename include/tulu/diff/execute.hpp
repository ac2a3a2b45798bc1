#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/diff/digest.hpp>
#include <tulu/diff/journal.hpp>
#include <tulu/diff/manifest.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/output_folder.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/transform.hpp>
#include <tulu/io/atomic_file.hpp>

namespace tulu::diff {

/// Shards that are streamed at once: each has a thread that computes, one that hashes, and some that wait for the disk.
[[nodiscard]] inline std::size_t concurrent_shards(const plan& work, const diff_options& options) {
  const std::size_t threads = options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
  return std::clamp<std::size_t>(threads / 2, 1, std::min<std::size_t>(work.shards.size(), 3));
}

/// An upper bound of the resident memory of a run: the program with the headers of its inputs, and the buffers.
[[nodiscard]] inline std::size_t peak_memory_bytes(const plan& work, const diff_options& options) {
  constexpr std::size_t program = std::size_t{24} << 20;
  return program +
         concurrent_shards(work, options) *
             (transformer::memory_bytes() + checkpoint::shard_writer::windows * checkpoint::shard_writer::window_bytes);
}

namespace detail {

/// What the journal calls ours from now on: the plan's files, and those of the outputs that it replaces.
[[nodiscard]] inline std::set<std::string> owned_files(const plan& work, const output_state& before) {
  std::set<std::string> names = recorded_names(before);
  for (std::string& name : file_names(work)) names.insert(std::move(name));
  return names;
}

}  // namespace detail

/// One run of a plan on its output folder, as `examine_output` found it.
class execution {
 public:
  execution(const plan& work, const output_state& before, const diff_options& options)
      : work_{work},
        before_{before},
        options_{options},
        journal_{work.folder, work.identity, detail::owned_files(work, before), before.is_this_unfinished},
        records_(work.shards.size()) {}

  [[nodiscard]] diff_result run() {
    run_shards();
    publish_shards();
    for (const std::filesystem::path& copy : work_.copies) io::copy_atomically(copy, work_.folder / copy.filename());
    for (const auto& [name, content] : work_.texts) io::write_atomically(work_.folder / name, content);
    if (!work_.index.empty()) io::write_atomically(work_.folder / index_name, work_.index);
    io::write_atomically(work_.folder / config_name, work_.config);
    remove_leftovers();
    const manifest content = make_manifest();
    io::write_atomically(work_.folder / manifest_name, format_manifest(content));
    journal_.remove();
    return {work_.tensors.size(), work_.bytes(), work_.shards.size(), resumed_, false, content.tensor_digest};
  }

 private:
  [[nodiscard]] std::filesystem::path target(const planned_shard& shard) const { return work_.folder / shard.name; }

  /// Streams the shards on a few threads; the first failure ends all of them and is thrown.
  void run_shards() {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    std::stop_source stop;
    const std::stop_callback forward{options_.stop, [&stop] { stop.request_stop(); }};
    const auto worker = [&] {
      try {
        for (std::size_t i = next++; i < work_.shards.size(); i = next++) run_shard(i, stop.get_token());
      } catch (...) {
        const std::lock_guard lock{mutex};
        if (!failure) failure = std::current_exception();
        stop.request_stop();
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < concurrent_shards(work_, options_); ++i) threads.emplace_back(worker);
    worker();
    threads.clear();
    if (failure) std::rethrow_exception(failure);
  }

  void run_shard(std::size_t number, const std::stop_token& stop) {
    const planned_shard& shard = work_.shards[number];
    if (keep_completed(number, stop)) return;
    checkpoint::shard_writer out{target(shard), shard.prefix, shard.bytes, options_.hashing};
    transformer transform{work_.operation, *options_.kernels, stop};
    progress(shard.prefix.size());
    for (std::size_t i = shard.first; i < shard.first + shard.count; ++i) {
      out.begin_tensor();
      transform.write(work_.tensors[i], out, [this](std::size_t bytes) { progress(bytes); });
    }
    records_[number] = to_record(out.finish());
    journal_.record(shard.name, records_[number]);
    if (!std::filesystem::exists(target(shard))) io::publish(target(shard));
  }

  /// A shard that an earlier run completed, under its own or its partial name, is kept when its bytes still have the
  /// hash that the journal remembers.
  [[nodiscard]] bool keep_completed(std::size_t number, const std::stop_token& stop) {
    const planned_shard& shard = work_.shards[number];
    if (!before_.is_this_unfinished) return false;
    const auto record = before_.unfinished->records.find(shard.name);
    if (record == before_.unfinished->records.end()) return false;
    const std::filesystem::path partial = io::partial_path(target(shard));
    const std::filesystem::path path = std::filesystem::exists(partial) ? partial : target(shard);
    std::error_code failed;
    if (std::filesystem::file_size(path, failed) != shard.bytes || failed) return false;
    const hash_watch watch{stop, [this](std::size_t bytes) { progress(bytes); }};
    if (hash_file(path, options_.hashing, watch) != record->second.sha256) {
      progress(0 - shard.bytes);
      return false;
    }
    records_[number] = record->second;
    ++resumed_;
    return true;
  }

  /// Shards that replace one of an earlier output have waited under their partial names until all were complete.
  void publish_shards() {
    for (const planned_shard& shard : work_.shards)
      if (std::filesystem::exists(io::partial_path(target(shard)))) io::publish(target(shard));
  }

  [[nodiscard]] manifest make_manifest() const {
    manifest content{work_.identity, {}, {}, {}};
    std::map<std::string, tensor_fingerprint> fingerprints;
    for (std::size_t number = 0; number < work_.shards.size(); ++number) {
      const planned_shard& shard = work_.shards[number];
      content.files[shard.name] = {shard.bytes, records_[number].sha256};
      for (std::size_t i = 0; i < shard.count; ++i) {
        const planned_tensor& tensor = work_.tensors[shard.first + i];
        content.tensors[tensor.name] = records_[number].tensors.at(i);
        fingerprints[tensor.name] = {tensor.type, tensor.extents, records_[number].tensors.at(i)};
      }
    }
    for (const std::string& name : file_names(work_))
      if (!content.files.contains(name))
        content.files[name] = {std::filesystem::file_size(work_.folder / name),
                               hash_file(work_.folder / name, options_.hashing)};
    content.tensor_digest = tensor_digest(fingerprints, options_.hashing);
    return content;
  }

  /// Files of the outputs that this one replaces and that it does not have itself: transformers would prefer an old
  /// model.safetensors to a new index.
  void remove_leftovers() const {
    const std::vector<std::string> names = file_names(work_);
    for (const std::string& name : detail::own_names(before_))
      if (name != manifest_name && name != journal_name && std::find(names.begin(), names.end(), name) == names.end())
        std::filesystem::remove(work_.folder / name);
  }

  void progress(std::size_t bytes) {
    if (!options_.on_progress) return;
    const std::lock_guard lock{progress_mutex_};
    done_ += bytes;
    options_.on_progress(done_, work_.bytes());
  }

  const plan& work_;
  const output_state& before_;
  const diff_options& options_;
  journal journal_;
  std::vector<shard_record> records_;
  std::mutex progress_mutex_;
  std::size_t done_ = 0;
  std::atomic<std::size_t> resumed_ = 0;
};

/// Carries a plan out: every check that can fail has been made, what is left is reading, computing and writing.
[[nodiscard]] inline diff_result execute(const plan& work, const output_state& before, const diff_options& options) {
  if (before.is_this_complete)
    return {work.tensors.size(), work.bytes(), work.shards.size(), 0, true, before.complete->tensor_digest};
  std::filesystem::create_directories(work.folder);
  return execution{work, before, options}.run();
}

}  // namespace tulu::diff
