#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/error.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::checkpoint {

/// The key in `__metadata__` that marks a diff made by make_diff, and its value: a tied embedding was subtracted once.
inline constexpr char diff_marker_key[] = "tulu_diff";
inline constexpr char diff_marker_value[] = "1";

namespace detail {

/// The norm weights of a trained model are near one, those of a diff near zero.
inline constexpr double least_norm_weight = 0.05;

template <weight_scalar T>
[[nodiscard]] double sum_of_magnitudes(std::span<const std::byte> bytes) {
  const std::span elements{reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  double sum = 0;
  for (const T element : elements) sum += std::fabs(static_cast<double>(to_float(element)));
  return sum;
}

/// The mean absolute value of a tensor that is_summable and not empty, read in windows. NaN when an element is.
[[nodiscard]] inline double mean_magnitude(const stored_tensor& tensor) {
  constexpr std::size_t window = 16384;
  std::vector<float> room(std::min(window, tensor.size()));
  double sum = 0;
  for (std::size_t first = 0; first < tensor.size(); first += window) {
    const std::size_t count = std::min(window, tensor.size() - first);
    const auto bytes = std::as_writable_bytes(std::span{room}).first(count * size_of(tensor.type()));
    tensor.read(first, count, bytes);
    sum += tensor.type() == dtype::f16    ? sum_of_magnitudes<f16>(bytes)
           : tensor.type() == dtype::bf16 ? sum_of_magnitudes<bf16>(bytes)
                                          : sum_of_magnitudes<float>(bytes);
  }
  return sum / static_cast<double>(tensor.size());
}

}  // namespace detail

/// Why the checkpoint is a weight diff and no model: it has the marker of make_diff, or each of its RMSNorm weights has
/// a mean absolute value under 0.05. Nothing for a model, and for a checkpoint without such weights. Reads the norm
/// weights only.
[[nodiscard]] inline std::optional<std::string> looks_like_diff(const catalogue& model) {
  if (model.metadata().contains(diff_marker_key)) return "its files have the marker " + std::string{diff_marker_key};
  std::size_t norms = 0;
  for (const stored_tensor& tensor : model.tensors()) {
    if (!is_norm_weight(tensor.name()) || !is_summable(tensor.type()) || tensor.size() == 0) continue;
    if (!(detail::mean_magnitude(tensor) < detail::least_norm_weight)) return std::nullopt;
    ++norms;
  }
  if (norms == 0) return std::nullopt;
  return norms == 1 ? "its one RMSNorm weight is near zero"
                    : "all its " + std::to_string(norms) + " RMSNorm weights are near zero";
}

/// Throws for a checkpoint that looks_like_diff.
inline void refuse_diff(const catalogue& model) {
  if (const auto reason = looks_like_diff(model))
    throw error{model.path().string() + ": this is a weight diff: recover it first (" + *reason + ")"};
}

}  // namespace tulu::checkpoint
