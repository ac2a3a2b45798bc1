#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel_data.hpp"
#include <tulu/kernel/decode.hpp>

namespace {

using tulu::dtype;
using tulu::kernel::model_table;
using tulu::test::elements;

/// Whether the backend decodes what `blocks` hold to the bits of scalar/, in memory that ends where the weights end.
bool decodes_exactly(const model_table& table, dtype type, elements& blocks, std::size_t misalignment) {
  const std::size_t count = blocks.count();
  std::vector<float> wanted(count);
  tulu::decode(type, blocks.data(), wanted.data(), count);
  elements found{dtype::f32, count, misalignment};
  table.to_float[model_table::at(type)](blocks.data(), found.floats(), count);
  return count == 0 || std::memcmp(found.data(), wanted.data(), count * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("blocks are decoded to the bits of the scalar functions, any number of them, wherever they lie") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::block_types) {
      INFO(std::string{table->backend}, " ", tulu::name(type));
      std::mt19937 generator{7};
      bool same = true;
      for (std::size_t blocks = 0; blocks < 12; ++blocks)
        for (std::size_t misalignment = 0; misalignment < 4; ++misalignment) {
          elements data{type, blocks * tulu::block_of(type), misalignment};
          data.fill_normal(generator);
          same = same && decodes_exactly(*table, type, data, misalignment);
        }
      CHECK(same);
    }
}

TEST_CASE("blocks whose scale is zero, subnormal, negative or the largest are decoded to the same bits") {
  for (const model_table* table : tulu::test::usable_models())
    for (const dtype type : tulu::test::block_types) {
      const auto [offset, halves] = tulu::detail::halves_of(type);
      for (const unsigned bits : {0U, 0x8000U, 0x0001U, 0x83ffU, 0x0400U, 0x7bffU, 0xfbffU}) {
        INFO(std::string{table->backend}, " ", tulu::name(type), " scale ", bits);
        std::mt19937 generator{bits};
        elements data{type, 4 * tulu::block_of(type)};
        data.fill_normal(generator);
        const tulu::f16 scale{static_cast<std::uint16_t>(bits)};
        for (std::size_t i = 0; i < 4 * halves; ++i)
          std::memcpy(data.data() + i / halves * tulu::traits(type).bytes + offset + i % halves * sizeof scale, &scale,
                      sizeof scale);
        CHECK(decodes_exactly(*table, type, data, 0));
      }
    }
}
