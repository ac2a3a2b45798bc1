#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/tensor/block_codec.hpp>

namespace cli {

namespace detail {

/// Rows [first, first + count) of `matrix`, at `data`, from a small uniform distribution.
inline void fill_rows(const tulu::kernel::weight_matrix& matrix, std::byte* data, std::size_t first, std::size_t count,
                      std::uint64_t seed, tulu::executor& workers) {
  workers.parallel_for(count, [&](std::size_t index, std::size_t) {
    const std::size_t row = first + index, block = std::max<std::size_t>(64, tulu::block_of(matrix.type));
    std::uint64_t state = (seed << 32) + row + 1;
    std::array<float, 256> values;
    for (std::size_t k = 0; k < matrix.columns; k += block) {
      const std::size_t here = std::min(block, matrix.columns - k);
      for (std::size_t i = 0; i < here; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        values[i] = (static_cast<float>(state >> 40) / 8388608.0f - 1.0f) * 0.03f;
      }
      tulu::encode(matrix.type, values.data(), data + row * matrix.row_bytes() + tulu::bytes_of(matrix.type, k), here);
    }
  });
}

}  // namespace detail

/// A model of this shape with weights of `type` (a mix for some block types, see tulu::matrix_type) from a small
/// uniform distribution: what it says is noise, how long it takes is not. Blocks take long to encode: matrices of them
/// repeat their first rows.
[[nodiscard]] inline std::shared_ptr<const tulu::llama_weights> random_llama(const tulu::llama_config& shape,
                                                                             tulu::dtype type,
                                                                             tulu::executor& workers) {
  auto made = std::make_shared<tulu::llama_weights>();
  made->config = shape;
  const auto fill = [&](std::string_view name, std::size_t rows, std::size_t columns, tulu::dtype wanted) {
    const tulu::dtype element = tulu::matrix_type(wanted, name, {rows, columns}, shape).type;
    tulu::aligned_buffer buffer{rows * tulu::bytes_of(element, columns)};
    const tulu::kernel::weight_matrix matrix{element, rows, columns, buffer.data()};
    const std::size_t different = tulu::is_block_type(element) ? std::min<std::size_t>(rows, 16) : rows;
    detail::fill_rows(matrix, buffer.data(), 0, different, made->buffers.size(), workers);
    for (std::size_t row = different; row < rows; ++row)
      std::memcpy(buffer.data() + row * matrix.row_bytes(), matrix.row(row % different), matrix.row_bytes());
    made->buffers.push_back(std::move(buffer));
    return matrix;
  };
  const auto vector = [&] {
    const auto matrix = fill("", 1, shape.hidden_size, tulu::dtype::f32);
    auto* const values = reinterpret_cast<float*>(made->buffers.back().data());
    for (std::size_t i = 0; i < shape.hidden_size; ++i) values[i] += 1;
    return reinterpret_cast<const float*>(matrix.data);
  };
  made->embed_tokens = fill(tulu::checkpoint::embed_name, shape.vocab_size, shape.hidden_size, type);
  made->lm_head = shape.tie_word_embeddings
                      ? made->embed_tokens
                      : fill(tulu::checkpoint::head_name, shape.vocab_size, shape.hidden_size, type);
  made->norm = vector();
  for (std::size_t i = 0; i < shape.num_hidden_layers; ++i) {
    tulu::llama_layer layer;
    for (const tulu::detail::weight_slot& slot : tulu::detail::layer_slots(shape, i, layer))
      if (slot.matrix != nullptr) *slot.matrix = fill(slot.name, slot.extents[0], slot.extents[1], type);
    layer.input_layernorm = vector();
    layer.post_attention_layernorm = vector();
    made->layers.push_back(layer);
  }
  return made;
}

}  // namespace cli
