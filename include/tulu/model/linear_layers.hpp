#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include <tulu/core/executor.hpp>
#include <tulu/core/function_ref.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/kernel/panel_form.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/workspace.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// y = weights × x + bias; `add` adds that to what is in y. [tokens, rows], rows of y one after the other.
struct linear_layer {
  const kernel::weight_matrix* weights;
  const float* bias;  ///< or null
  float* y;
  bool add = false;
};

/// Linear layers on all threads. Each output is one sum made by one thread: the results do not depend on how the work
/// is divided. Up to kernel::few_tokens tokens take the kernels that are made for reading weights, more those that are
/// made for computing.
class linear_layers {
 public:
  linear_layers(const kernel::model_table& kernels, executor& workers, const workspace& space) noexcept
      : kernels_{&kernels}, workers_{&workers}, space_{&space} {}

  /// Layers with the same input x, [tokens, columns].
  void multiply(std::span<const linear_layer> layers, const float* x, std::size_t tokens) const {
    std::size_t rows = 0;
    for (const linear_layer& layer : layers) rows += whole_panels(layer);
    pack(layers, x, tokens);
    over_rows(rows, tokens, layers, [&](std::size_t first, std::size_t count, std::size_t thread) {
      for (const linear_layer& layer : layers) {
        const std::size_t its_rows = whole_panels(layer),
                          here = first < its_rows ? std::min(count, its_rows - first) : 0;
        if (here != 0) multiply_rows(layer, x, tokens, first, std::min(here, layer.weights->rows - first), thread);
        count -= here;
        first = first < its_rows ? 0 : first - its_rows;
      }
    });
  }

  /// gate.y = silu(gate) × up, for two layers of one shape; up.y is overwritten too.
  void multiply_gated(const linear_layer& gate, const linear_layer& up, const float* x, std::size_t tokens) const {
    const std::size_t rows = gate.weights->rows;
    const std::array both{gate, up};
    pack(both, x, tokens);
    over_rows(rows, tokens, both, [&](std::size_t first, std::size_t count, std::size_t thread) {
      multiply_rows(gate, x, tokens, first, count, thread);
      multiply_rows(up, x, tokens, first, count, thread);
      for (std::size_t t = 0; t < tokens; ++t)
        kernels_->swiglu(gate.y + t * rows + first, up.y + t * rows + first, count);
    });
  }

 private:
  /// The rows of a layer with those that its last panel lacks: work is divided between panels.
  [[nodiscard]] static std::size_t whole_panels(const linear_layer& layer) noexcept {
    return (layer.weights->rows + kernel::panel_rows - 1) / kernel::panel_rows * kernel::panel_rows;
  }
  [[nodiscard]] static std::size_t index_of(const kernel::weight_matrix& weights) noexcept {
    return kernel::model_table::at(weights.type);
  }

  [[nodiscard]] kernel::panel_form form_of(const kernel::weight_matrix& weights, std::size_t tokens) const noexcept {
    return (tokens <= kernel::few_tokens ? kernels_->few_form : kernels_->panel_product)[index_of(weights)];
  }

  /// Brings x into the forms that the layers' kernels take.
  void pack(std::span<const linear_layer> layers, const float* x, std::size_t tokens) const {
    const std::size_t columns = layers[0].weights->columns;
    const bool few = tokens <= kernel::few_tokens;
    const auto any = [&](auto&& needs) {
      return std::any_of(layers.begin(), layers.end(),
                         [&](const linear_layer& layer) { return needs(*layer.weights); });
    };
    for (std::size_t index = 0; index < kernel::panel_forms; ++index) {
      const auto form = static_cast<kernel::panel_form>(index);
      if (!any([&](const auto& weights) { return weights.in_panels() && form_of(weights, tokens) == form; })) continue;
      if (few)
        group_few(form, x, columns, tokens);
      else
        pack_many(form, x, columns, tokens);
    }
    if (few) return;
    for (const dtype type : {dtype::f32, dtype::bf16}) {
      if (any([&](const auto& weights) {
            return !weights.in_panels() && kernels_->row_product[index_of(weights)] == type;
          }))
        pack_tiles(type, x, columns, tokens);
    }
  }

  void group_few(kernel::panel_form form, const float* x, std::size_t columns, std::size_t tokens) const {
    for (std::size_t t = 0; t < tokens; ++t)
      kernels_->group_tokens[kernel::model_table::at(form)](
          x + t * columns, columns, space_->groups(form) + t * (columns / kernel::token_group::size));
  }

  void pack_many(kernel::panel_form form, const float* x, std::size_t columns, std::size_t tokens) const {
    constexpr std::size_t step = 16;
    workers_->parallel_for((tokens + step - 1) / step, [&](std::size_t index, std::size_t) {
      const std::size_t first = index * step;
      kernels_->pack_many[kernel::model_table::at(form)](x, columns, first, std::min(step, tokens - first), tokens,
                                                         columns, space_->packed(form));
    });
  }

  void pack_tiles(dtype type, const float* x, std::size_t columns, std::size_t tokens) const {
    const std::size_t tile = kernels_->tile_tokens, padded = kernel::packed_columns(columns);
    workers_->parallel_for((tokens + tile - 1) / tile, [&](std::size_t index, std::size_t) {
      const std::size_t first = index * tile;
      kernels_->pack_tokens[kernel::model_table::at(type)](x + first * columns, columns, std::min(tile, tokens - first),
                                                           columns,
                                                           space_->tiles(type) + first * padded * size_of(type));
    });
  }

  /// Rows [first, first + count) for all tokens, whose forms `pack` has made.
  void multiply_rows(const linear_layer& layer, const float* x, std::size_t tokens, std::size_t first,
                     std::size_t count, std::size_t thread) const {
    kernel::deferred_panels* const deferred = layer.weights->deferred;
    if (deferred == nullptr || deferred->all_kept())
      return multiply_rows(layer, layer.weights->row(first), x, tokens, first, count, thread);
    // For few tokens no more than the level-2 cache has room for.
    const std::size_t step = tokens <= kernel::few_tokens ? 4 * kernel::panel_rows : kernels_->many_rows;
    for (std::size_t at = first; at < first + count; at += step) {
      const std::size_t some = std::min(step, first + count - at);
      multiply_rows(layer, deferred->get(at, some, space_->panels(thread)), x, tokens, at, some, thread);
    }
  }

  /// The same with those rows from `rows` on.
  void multiply_rows(const linear_layer& layer, const std::byte* rows, const float* x, std::size_t tokens,
                     std::size_t first, std::size_t count, std::size_t thread) const {
    const kernel::weight_matrix& weights = *layer.weights;
    const std::size_t type = index_of(weights), columns = weights.columns;
    float* const y = layer.y + first;
    if (tokens <= kernel::few_tokens) {
      if (weights.in_panels()) {
        kernels_->panels_times_few[type](rows, count, columns, space_->groups(form_of(weights, tokens)),
                                         columns / kernel::token_group::size, tokens, y, weights.rows, layer.add);
      } else {
        kernels_->multiply_few[type](rows, count, columns, x, columns, tokens, y, weights.rows, layer.add);
      }
    } else if (weights.in_panels()) {
      kernels_->panels_times_many[type](rows, count, columns, space_->packed(form_of(weights, tokens)), tokens, y,
                                        weights.rows, layer.add, space_->scratch(thread));
    } else {
      kernels_->multiply_many[type](rows, count, columns, space_->tiles(kernels_->row_product[type]), tokens, y,
                                    weights.rows, layer.add, space_->scratch(thread));
    }
    if (layer.bias == nullptr) return;
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t r = 0; r < count; ++r) y[t * weights.rows + r] += layer.bias[first + r];
  }

  /// Divides rows of weights among the threads: some ranges for each, for many tokens in whole tiles of products, which
  /// have the rows of 4 panels, or 6, 12 or 16 rows.
  void over_rows(std::size_t rows, std::size_t tokens, std::span<const linear_layer> layers,
                 function_ref<void(std::size_t first, std::size_t count, std::size_t thread)> body) const {
    const auto ranges_of = [&](std::size_t ranges, std::size_t step) {
      return std::max<std::size_t>(1, rows / (workers_->threads() * ranges) / step) * step;
    };
    std::size_t count = 0;
    if (tokens <= kernel::few_tokens)
      count = ranges_of(6, kernel::panel_rows);
    else if (std::all_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.weights->in_panels(); }))
      count = std::min(ranges_of(4, 64), kernels_->many_rows);
    else
      count = std::min(ranges_of(4, 48), kernels_->block_rows);
    workers_->parallel_for((rows + count - 1) / count, [&](std::size_t index, std::size_t thread) {
      body(index * count, std::min(count, rows - index * count), thread);
    });
  }

  const kernel::model_table* kernels_;
  executor* workers_;
  const workspace* space_;
};

}  // namespace tulu
