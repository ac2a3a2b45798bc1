#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/safetensors.hpp>
#include <tulu/checkpoint/shard_index.hpp>
#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/diff/plan.hpp>

namespace tulu::diff {

namespace detail {

/// model.safetensors alone, else model-00001-of-00003.safetensors, as transformers names them.
[[nodiscard]] inline std::string shard_name(std::size_t number, std::size_t total) {
  if (total == 1) return "model.safetensors";
  using checkpoint::detail::five_digits;
  return "model-" + five_digits(number) + "-of-" + five_digits(total) + ".safetensors";
}

/// Where each shard begins, in the order of the tensors.
[[nodiscard]] inline std::vector<std::size_t> shard_starts(const std::vector<planned_tensor>& tensors,
                                                           std::size_t max_shard_bytes) {
  std::vector<std::size_t> starts{0};
  std::size_t filled = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i != starts.back() && tensors[i].bytes() > max_shard_bytes - std::min(filled, max_shard_bytes)) {
      starts.push_back(i);
      filled = 0;
    }
    filled += tensors[i].bytes();
  }
  return starts;
}

/// a + b, or an error when no file system could hold so much.
[[nodiscard]] inline std::size_t add_sizes(const plan& work, std::size_t a, std::size_t b) {
  const auto sum = checked_add(a, b);
  if (!sum || *sum > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max()))
    throw mismatch_error(work.folder.string(), "", "an output below 2^63 bytes", "tensors of more");
  return *sum;
}

}  // namespace detail

/// Cuts `work.tensors` into shards and fills `work.shards` and `work.index`. Inside a shard, wider elements come first,
/// so that every tensor is aligned to its element size.
inline void plan_shards(plan& work, std::size_t max_shard_bytes, const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, std::string>> weight_map;
  std::size_t total_size = 0;
  for (const planned_tensor& tensor : work.tensors) {
    const auto bytes = checked_mul(tensor.source->size(), size_of(tensor.type));
    total_size = detail::add_sizes(work, total_size, bytes.value_or(std::numeric_limits<std::size_t>::max()));
  }
  const std::vector<std::size_t> starts = detail::shard_starts(work.tensors, max_shard_bytes);
  for (std::size_t number = 0; number < starts.size(); ++number) {
    const std::size_t end = number + 1 < starts.size() ? starts[number + 1] : work.tensors.size();
    const auto begin = work.tensors.begin() + static_cast<std::ptrdiff_t>(starts[number]);
    const auto last = work.tensors.begin() + static_cast<std::ptrdiff_t>(end);
    std::stable_sort(begin, last, [](const auto& a, const auto& b) { return size_of(a.type) > size_of(b.type); });
    planned_shard shard{detail::shard_name(number + 1, starts.size()), starts[number], end - starts[number], {}, 0};
    std::vector<checkpoint::safetensors_entry> entries;
    for (auto tensor = begin; tensor != last; ++tensor) {
      entries.push_back({tensor->name, tensor->type, tensor->extents});
      weight_map.emplace_back(tensor->name, shard.name);
      shard.bytes += tensor->bytes();
    }
    shard.prefix = checkpoint::format_safetensors_header(entries, metadata);
    shard.bytes += shard.prefix.size();
    work.shards.push_back(std::move(shard));
  }
  if (work.shards.size() > 1) work.index = checkpoint::format_shard_index(weight_map, total_size);
}

}  // namespace tulu::diff
