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

using layout_type = tulu::kernel::weight_layout;

/// A model of this shape with weights of `type` (block types as llama-quantize mixes them) from a small uniform
/// distribution: what it says is noise, how long it takes is not. Rows, which are slow to make, repeat.
[[nodiscard]] inline std::shared_ptr<const tulu::llama_weights> random_llama(const tulu::llama_config& shape,
                                                                             tulu::dtype type, layout_type wanted,
                                                                             tulu::executor& workers) {
  constexpr std::size_t different_rows = 64, part = 256;
  auto made = std::make_shared<tulu::llama_weights>();
  made->config = shape;
  const auto rows_of = [&](std::size_t rows, std::size_t columns, tulu::dtype element) {
    const std::size_t row_bytes = tulu::bytes_of(element, columns);
    tulu::aligned_buffer buffer{rows * row_bytes};
    workers.parallel_for(rows, [&](std::size_t row, std::size_t) {
      std::uint64_t state = (made->buffers.size() << 32) + row + 1;
      float values[part];
      for (std::size_t k = 0; k < columns; k += part) {
        const std::size_t count = std::min(part, columns - k);
        for (std::size_t i = 0; i < count; ++i) {
          state = state * 6364136223846793005U + 1442695040888963407U;
          values[i] = (static_cast<float>(state >> 40) / 8388608.0f - 1.0f) * 0.03f;
        }
        tulu::encode(element, values, buffer.data() + row * row_bytes + tulu::bytes_of(element, k), count);
      }
    });
    return buffer;
  };
  const auto fill = [&](std::size_t rows, std::size_t columns, tulu::dtype element, layout_type layout) {
    tulu::kernel::weight_matrix matrix{element, rows, columns, nullptr, layout};
    const std::size_t unit = std::min(rows, different_rows), bytes = matrix.bytes_of_rows(unit);
    const tulu::aligned_buffer different = rows_of(unit, columns, element);
    tulu::aligned_buffer buffer{matrix.bytes()};
    matrix.data = buffer.data();
    workers.parallel_for((rows + unit - 1) / unit, [&](std::size_t index, std::size_t) {
      const std::size_t count = std::min(unit, rows - index * unit);
      std::byte* const to = buffer.data() + index * bytes;
      if (layout == layout_type::panels)
        tulu::kernel::pack_panels(element, different.data(), count, columns, to);
      else
        std::memcpy(to, different.data(), matrix.bytes_of_rows(count));
    });
    made->buffers.push_back(std::move(buffer));
    return matrix;
  };
  const auto vector = [&] {
    const auto matrix = fill(1, shape.hidden_size, tulu::dtype::f32, layout_type::rows);
    auto* const values = reinterpret_cast<float*>(made->buffers.back().data());
    for (std::size_t i = 0; i < shape.hidden_size; ++i) values[i] += 1;
    return reinterpret_cast<const float*>(matrix.data);
  };
  const auto matrix = [&](std::string_view name, std::size_t rows, std::size_t columns) {
    const tulu::dtype element = tulu::choose_quantised_type(type, name, {rows, columns}, shape).type;
    return fill(rows, columns, element, tulu::layout_of(shape, name, element, wanted));
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
