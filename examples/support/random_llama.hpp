#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama_weights.hpp>

namespace cli {

/// A model of this shape with weights of `type` from a small uniform distribution: what it says is noise, how long it
/// takes is not.
[[nodiscard]] inline std::shared_ptr<const tulu::llama_weights> random_llama(const tulu::llama_config& shape,
                                                                             tulu::dtype type,
                                                                             const tulu::kernel::model_table& kernels,
                                                                             tulu::executor& workers) {
  auto made = std::make_shared<tulu::llama_weights>();
  made->config = shape;
  const auto fill = [&](std::size_t rows, std::size_t columns, tulu::dtype element) {
    tulu::aligned_buffer buffer{rows * columns * tulu::size_of(element)};
    tulu::kernel::weight_matrix matrix{element, rows, columns, buffer.data()};
    workers.parallel_for(rows, [&](std::size_t row, std::size_t) {
      std::uint64_t state = (made->buffers.size() << 32) + row + 1;
      float values[64];
      for (std::size_t k = 0; k < columns; k += 64) {
        const std::size_t count = columns - k < 64 ? columns - k : 64;
        for (std::size_t i = 0; i < count; ++i) {
          state = state * 6364136223846793005U + 1442695040888963407U;
          values[i] = (static_cast<float>(state >> 40) / 8388608.0f - 1.0f) * 0.03f;
        }
        kernels.from_float[tulu::kernel::model_table::at(element)](
            values, buffer.data() + (row * columns + k) * tulu::size_of(element), count);
      }
    });
    made->buffers.push_back(std::move(buffer));
    return matrix;
  };
  const auto vector = [&] {
    const auto matrix = fill(1, shape.hidden_size, tulu::dtype::f32);
    auto* const values = reinterpret_cast<float*>(made->buffers.back().data());
    for (std::size_t i = 0; i < shape.hidden_size; ++i) values[i] += 1;
    return reinterpret_cast<const float*>(matrix.data);
  };
  made->embed_tokens = fill(shape.vocab_size, shape.hidden_size, type);
  made->lm_head = shape.tie_word_embeddings ? made->embed_tokens : fill(shape.vocab_size, shape.hidden_size, type);
  made->norm = vector();
  for (std::size_t i = 0; i < shape.num_hidden_layers; ++i) {
    tulu::llama_layer layer;
    layer.q_proj = fill(shape.query_size(), shape.hidden_size, type);
    layer.k_proj = fill(shape.key_value_size(), shape.hidden_size, type);
    layer.v_proj = fill(shape.key_value_size(), shape.hidden_size, type);
    layer.o_proj = fill(shape.hidden_size, shape.query_size(), type);
    layer.gate_proj = fill(shape.intermediate_size, shape.hidden_size, type);
    layer.up_proj = fill(shape.intermediate_size, shape.hidden_size, type);
    layer.down_proj = fill(shape.hidden_size, shape.intermediate_size, type);
    layer.input_layernorm = vector();
    layer.post_attention_layernorm = vector();
    made->layers.push_back(layer);
  }
  return made;
}

}  // namespace cli
