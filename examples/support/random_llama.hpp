#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/model_table.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/tensor/block_codec.hpp>

namespace cli {

/// A model of this shape with weights of `type` (block types as llama-quantize mixes them) from a small uniform
/// distribution: what it says is noise, how long it takes is not. Rows of block types, which are slow to make, repeat.
[[nodiscard]] inline std::shared_ptr<const tulu::llama_weights> random_llama(const tulu::llama_config& shape,
                                                                             tulu::dtype type,
                                                                             const tulu::kernel::model_table& kernels,
                                                                             tulu::executor& workers) {
  constexpr std::size_t different_rows = 64, part = 256;
  auto made = std::make_shared<tulu::llama_weights>();
  made->config = shape;
  const auto fill = [&](std::size_t rows, std::size_t columns, tulu::dtype element) {
    const bool in_blocks = tulu::is_block_type(element);
    tulu::aligned_buffer buffer{rows * tulu::bytes_of(element, columns)};
    const tulu::kernel::weight_matrix matrix{element, rows, columns, buffer.data()};
    const std::size_t different = in_blocks ? std::min(rows, different_rows) : rows;
    workers.parallel_for(different, [&](std::size_t row, std::size_t) {
      std::uint64_t state = (made->buffers.size() << 32) + row + 1;
      float values[part];
      std::byte* const to = buffer.data() + row * matrix.row_bytes();
      for (std::size_t k = 0; k < columns; k += part) {
        const std::size_t count = std::min(part, columns - k);
        for (std::size_t i = 0; i < count; ++i) {
          state = state * 6364136223846793005U + 1442695040888963407U;
          values[i] = (static_cast<float>(state >> 40) / 8388608.0f - 1.0f) * 0.03f;
        }
        std::byte* const place = to + tulu::bytes_of(element, k);
        if (in_blocks) {
          tulu::encode(element, values, place, count);
        } else {
          kernels.from_float[tulu::kernel::model_table::at(element)](values, place, count);
        }
      }
    });
    workers.parallel_for(rows - different, [&](std::size_t row, std::size_t) {
      std::memcpy(buffer.data() + (different + row) * matrix.row_bytes(), matrix.row(row % different),
                  matrix.row_bytes());
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
  const auto matrix = [&](std::string_view name, std::size_t rows, std::size_t columns) {
    return fill(rows, columns, tulu::choose_quantised_type(type, name, {rows, columns}, shape).type);
  };
  made->embed_tokens = matrix(tulu::checkpoint::embed_name, shape.vocab_size, shape.hidden_size);
  made->lm_head = shape.tie_word_embeddings ? made->embed_tokens
                                            : matrix(tulu::checkpoint::head_name, shape.vocab_size, shape.hidden_size);
  made->norm = vector();
  for (std::size_t i = 0; i < shape.num_hidden_layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    tulu::llama_layer layer;
    layer.q_proj = matrix(at + "self_attn.q_proj.weight", shape.query_size(), shape.hidden_size);
    layer.k_proj = matrix(at + "self_attn.k_proj.weight", shape.key_value_size(), shape.hidden_size);
    layer.v_proj = matrix(at + "self_attn.v_proj.weight", shape.key_value_size(), shape.hidden_size);
    layer.o_proj = matrix(at + "self_attn.o_proj.weight", shape.hidden_size, shape.query_size());
    layer.gate_proj = matrix(at + "mlp.gate_proj.weight", shape.intermediate_size, shape.hidden_size);
    layer.up_proj = matrix(at + "mlp.up_proj.weight", shape.intermediate_size, shape.hidden_size);
    layer.down_proj = matrix(at + "mlp.down_proj.weight", shape.hidden_size, shape.intermediate_size);
    layer.input_layernorm = vector();
    layer.post_attention_layernorm = vector();
    made->layers.push_back(layer);
  }
  return made;
}

}  // namespace cli
