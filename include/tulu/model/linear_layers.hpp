#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include <tulu/core/executor.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/workspace.hpp>

namespace tulu {

/// y = weights × x + bias; `add` adds that to what is in y. [tokens, rows], rows of y one after the other.
struct linear_layer {
  const kernel::weight_matrix* weights;
  const float* bias;  ///< or null
  float* y;
  bool add = false;
};

/// Linear layers on all threads. Each output is one sum made by one thread: the results do not depend on how the work
/// is divided. Up to kernel::few_tokens tokens take the kernels that read weights as they lie, more those that pack
/// tokens.
class linear_layers {
 public:
  linear_layers(const kernel::model_table& kernels, executor& workers, const workspace& space) noexcept
      : kernels_{&kernels}, workers_{&workers}, space_{&space} {}

  /// Layers with the same input x, [tokens, columns].
  void multiply(std::span<const linear_layer> layers, const float* x, std::size_t tokens) const {
    std::size_t rows = 0;
    for (const linear_layer& layer : layers) rows += layer.weights->rows;
    pack(x, layers[0].weights->columns, tokens);
    over_rows(rows, tokens, [&](std::size_t first, std::size_t count, std::size_t thread) {
      for (const linear_layer& layer : layers) {
        const std::size_t here = first < layer.weights->rows ? std::min(count, layer.weights->rows - first) : 0;
        if (here != 0) multiply_rows(layer, x, tokens, first, here, thread);
        count -= here;
        first = first < layer.weights->rows ? 0 : first - layer.weights->rows;
      }
    });
  }

  /// gate.y = silu(gate) × up, for two layers of one shape; up.y is overwritten too.
  void multiply_gated(const linear_layer& gate, const linear_layer& up, const float* x, std::size_t tokens) const {
    const std::size_t rows = gate.weights->rows;
    pack(x, gate.weights->columns, tokens);
    over_rows(rows, tokens, [&](std::size_t first, std::size_t count, std::size_t thread) {
      multiply_rows(gate, x, tokens, first, count, thread);
      multiply_rows(up, x, tokens, first, count, thread);
      for (std::size_t t = 0; t < tokens; ++t)
        kernels_->swiglu(gate.y + t * rows + first, up.y + t * rows + first, count);
    });
  }

 private:
  void pack(const float* x, std::size_t columns, std::size_t tokens) const {
    if (tokens <= kernel::few_tokens) return;
    const std::size_t tile = kernels_->tile_tokens;
    workers_->parallel_for((tokens + tile - 1) / tile, [&](std::size_t index, std::size_t) {
      const std::size_t first = index * tile;
      kernels_->pack_tokens(x + first * columns, columns, std::min(tile, tokens - first), columns,
                            space_->tiles + first * columns);
    });
  }

  /// Rows [first, first + count) for all tokens; what needs tiles finds x packed.
  void multiply_rows(const linear_layer& layer, const float* x, std::size_t tokens, std::size_t first,
                     std::size_t count, std::size_t thread) const {
    const kernel::weight_matrix& weights = *layer.weights;
    const std::size_t type = kernel::model_table::at(weights.type);
    float* const y = layer.y + first;
    if (tokens <= kernel::few_tokens) {
      kernels_->multiply_few[type](weights.row(first), count, weights.columns, x, weights.columns, tokens, y,
                                   weights.rows, layer.add);
    } else {
      kernels_->multiply_many[type](weights.row(first), count, weights.columns, space_->tiles, tokens, y, weights.rows,
                                    layer.add, space_->scratch(thread));
    }
    if (layer.bias == nullptr) return;
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t r = 0; r < count; ++r) y[t * weights.rows + r] += layer.bias[first + r];
  }

  /// Divides rows of weights among the threads: blocks for many tokens, for few some ranges a thread.
  void over_rows(std::size_t rows, std::size_t tokens,
                 function_ref<void(std::size_t first, std::size_t count, std::size_t thread)> body) const {
    constexpr std::size_t step = 16, ranges = 6;
    std::size_t count = kernel::block_rows;
    if (tokens <= kernel::few_tokens)
      count = std::max<std::size_t>(1, rows / (workers_->threads() * ranges) / step) * step;
    workers_->parallel_for((rows + count - 1) / count, [&](std::size_t index, std::size_t thread) {
      body(index * count, std::min(count, rows - index * count), thread);
    });
  }

  const kernel::model_table* kernels_;
  executor* workers_;
  const workspace* space_;
};

}  // namespace tulu
