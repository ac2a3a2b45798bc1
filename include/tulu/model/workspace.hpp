#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include <tulu/checkpoint/llama_config.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/kernel/panel_form.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu {

/// What a workspace is made for.
struct workspace_size {
  std::size_t tokens = 0;      ///< of one pass
  std::size_t logit_rows = 0;  ///< positions whose logits are computed together
  std::size_t vocabulary = 0;  ///< rows of lm_head
  std::size_t threads = 0;
  std::size_t tile = 0;        ///< model_table::tile_tokens
  std::size_t block_rows = 0;  ///< model_table::block_rows
  std::size_t many_rows = 0;   ///< model_table::many_rows
};

/// All memory that a pass works in, float32, each part on a cache line of its own.
class workspace {
 public:
  workspace(const llama_config& config, const workspace_size& size)
      : buffer_{bytes_for(config, size)},
        scratch_floats_{scratch_for(config, size)},
        panel_floats_{panels_for(config, size)} {
    float* next = reinterpret_cast<float*>(buffer_.data());
    const std::array parts = parts_of(config, size);
    float** const places[] = {&hidden,  &normed, &query,     &key,       &value,      &attended,
                              &gate,    &up,     &tiles_[0], &tiles_[1], &packed_[0], &packed_[1],
                              &cosines, &sines,  &logits,    &scratch_,  &panels_};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      *places[i] = next;
      next += padded(parts[i].rows * parts[i].columns);
    }
  }

  [[nodiscard]] static std::size_t bytes_for(const llama_config& config, const workspace_size& size) {
    std::size_t total = 0;
    for (const part& each : parts_of(config, size)) {
      const std::array factors{padded(each.columns), each.rows, sizeof(float)};
      const auto bytes = checked_product(factors);
      const auto sum = bytes ? checked_add(total, *bytes + line * sizeof(float)) : bytes;
      if (!sum)
        throw error{config.file + ": activations of " + std::to_string(size.tokens) +
                    " tokens are more than a machine can hold"};
      total = *sum;
    }
    return total;
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return buffer_.size(); }

  float* hidden = nullptr;    ///< [tokens, hidden_size]: the residual stream
  float* normed = nullptr;    ///< [tokens, hidden_size]
  float* query = nullptr;     ///< [tokens, num_attention_heads × head_dim]
  float* key = nullptr;       ///< [tokens, num_key_value_heads × head_dim]
  float* value = nullptr;     ///< as key
  float* attended = nullptr;  ///< as query
  float* gate = nullptr;      ///< [tokens, intermediate_size]
  float* up = nullptr;        ///< as gate
  float* cosines = nullptr;   ///< [tokens, head_dim / 2]
  float* sines = nullptr;     ///< as cosines
  float* logits = nullptr;    ///< [logit_rows, vocabulary]

  /// The input of products with weights in rows, packed as elements of this type.
  [[nodiscard]] std::byte* tiles(dtype type) const noexcept {
    return reinterpret_cast<std::byte*>(tiles_[type == dtype::bf16]);
  }
  /// The same with weights in panels. No backend takes both forms of one place.
  [[nodiscard]] std::byte* packed(kernel::panel_form form) const noexcept {
    return reinterpret_cast<std::byte*>(packed_[form == kernel::panel_form::bf16 || form == kernel::panel_form::bytes]);
  }
  /// The same for few tokens, in words or in bytes: the groups of each token lie together.
  [[nodiscard]] kernel::token_group* groups(kernel::panel_form form) const noexcept {
    return reinterpret_cast<kernel::token_group*>(packed(form));
  }

  /// What one thread's kernels work in.
  [[nodiscard]] float* scratch(std::size_t thread) const noexcept { return scratch_ + thread * scratch_floats_; }
  /// Where one thread has panels that it is lent: many_rows rows of any matrix.
  [[nodiscard]] std::byte* panels(std::size_t thread) const noexcept {
    return reinterpret_cast<std::byte*>(panels_ + thread * panel_floats_);
  }

 private:
  struct part {
    std::size_t rows, columns;
  };
  static constexpr std::size_t line = 16;

  [[nodiscard]] static std::size_t padded(std::size_t floats) noexcept { return (floats + line - 1) / line * line; }
  [[nodiscard]] static std::size_t scratch_for(const llama_config& config, const workspace_size& size) noexcept {
    const std::size_t group = config.num_attention_heads / config.num_key_value_heads;
    const std::size_t rows = std::max(size.tokens, size.logit_rows);
    return padded(
        std::max({kernel::multiply_scratch(size.block_rows, rows, size.tile),
                  kernel::many_scratch(size.many_rows, rows), kernel::attention_scratch(group, config.head_dim)}));
  }
  [[nodiscard]] static std::size_t widest(const llama_config& config) noexcept {
    return std::max({config.hidden_size, config.query_size(), config.intermediate_size});
  }
  /// Panels of q8_0, which are the largest.
  [[nodiscard]] static std::size_t panels_for(const llama_config& config, const workspace_size& size) noexcept {
    return kernel::panels_bytes(dtype::q8_0, size.many_rows, widest(config)) / sizeof(float);
  }
  /// Of a token in the larger of two forms.
  [[nodiscard]] static std::size_t packed_floats(std::size_t columns, kernel::panel_form one,
                                                 kernel::panel_form other) noexcept {
    return columns / kernel::panel_group * std::max(kernel::form_bytes(one), kernel::form_bytes(other)) / sizeof(float);
  }
  [[nodiscard]] static std::array<part, 17> parts_of(const llama_config& config, const workspace_size& size) noexcept {
    const std::size_t tokens = size.tokens, query = config.query_size(), key = config.key_value_size();
    const std::size_t rows = std::max(tokens, size.logit_rows), packed = kernel::packed_tokens(rows);
    const std::size_t tiled = (rows + size.tile - 1) / size.tile * size.tile;
    const std::size_t columns = kernel::packed_columns(widest(config));
    return {{{rows, config.hidden_size},
             {rows, config.hidden_size},
             {tokens, query},
             {tokens, key},
             {tokens, key},
             {tokens, query},
             {tokens, config.intermediate_size},
             {tokens, config.intermediate_size},
             {tiled, columns},
             {tiled, columns / 2},
             {packed, packed_floats(columns, kernel::panel_form::f32, kernel::panel_form::words)},
             {packed, packed_floats(columns, kernel::panel_form::bf16, kernel::panel_form::bytes)},
             {tokens, config.head_dim / 2},
             {tokens, config.head_dim / 2},
             {size.logit_rows, size.vocabulary},
             {size.threads, scratch_for(config, size)},
             {size.threads, panels_for(config, size)}}};
  }

  aligned_buffer buffer_;
  std::size_t scratch_floats_, panel_floats_;  ///< of a thread
  float *tiles_[2] = {}, *packed_[2] = {};     ///< float32 or words, bfloat16 or bytes
  float *scratch_ = nullptr, *panels_ = nullptr;
};

}  // namespace tulu
