#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/kernel/elementwise_table.hpp>

namespace tulu::diff {

namespace detail {

inline constexpr std::size_t sampled_tensors = 32;
inline constexpr std::size_t sampled_values = 4096;  ///< non-zero ones, of each tensor
inline constexpr std::size_t fewest_values = 64;     ///< in all; under it there is no verdict

struct precision_sample {
  std::size_t nonzero = 0;
  bool fits_bf16 = true;
};

/// Looks at `tensor` from its front until enough values are not zero, at most sixteen windows.
inline void sample_tensor(const checkpoint::stored_tensor& tensor, const kernel::elementwise_table& kernels,
                          precision_sample& sample) {
  std::vector<std::byte> stored(sampled_values * size_of(tensor.type()));
  std::vector<float> values(sampled_values);
  const std::size_t most = std::min(tensor.size(), 16 * sampled_values);
  std::size_t seen = 0;
  for (std::size_t first = 0; first < most && seen < sampled_values && sample.fits_bf16;) {
    const std::size_t count = std::min(sampled_values, most - first);
    const auto bytes = std::span{stored}.first(count * size_of(tensor.type()));
    tensor.read(first, count, bytes);
    kernels.converter(tensor.type(), dtype::f32)(bytes.data(), reinterpret_cast<std::byte*>(values.data()), count);
    for (const float value : std::span{values}.first(count)) {
      seen += value != 0.0F;
      sample.fits_bf16 = sample.fits_bf16 && (std::bit_cast<std::uint32_t>(value) & 0xffffU) == 0;
    }
    first += count;
  }
  sample.nonzero += seen;
}

}  // namespace detail

/// True when the F16 tensors of a model hold only values that bfloat16 holds too: LLaMA was converted through bfloat16,
/// which rounds away three bits of every weight. Judged on a sample.
[[nodiscard]] inline bool is_rounded_to_bf16(const checkpoint::catalogue& model,
                                             const kernel::elementwise_table& kernels) {
  std::vector<const checkpoint::stored_tensor*> candidates;
  for (const checkpoint::stored_tensor& tensor : model.tensors())
    if (tensor.type() == dtype::f16 && tensor.extents().rank() == 2) candidates.push_back(&tensor);
  detail::precision_sample sample;
  const std::size_t taken = std::min(candidates.size(), detail::sampled_tensors);
  for (std::size_t i = 0; i < taken && sample.fits_bf16; ++i)
    detail::sample_tensor(*candidates[i * candidates.size() / taken], kernels, sample);
  return sample.fits_bf16 && sample.nonzero >= detail::fewest_values;
}

}  // namespace tulu::diff
