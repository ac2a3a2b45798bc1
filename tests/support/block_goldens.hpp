#pragma once

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tensor/dtype.hpp>

namespace tulu::test {

/// tests/data/scalar/TYPE.bin and the weights that it was made of, see make_blocks.py.
struct block_goldens {
  std::vector<float> weights;         ///< that were encoded
  std::vector<std::byte> encoded;     ///< none for a type that is read only
  std::vector<std::byte> random;      ///< blocks of random bits
  std::vector<float> random_weights;  ///< as ggml decodes those

  explicit block_goldens(dtype type, bool read_only = false) {
    constexpr std::size_t random_count = 1024;
    weights = floats(load("weights.bin"));
    const std::vector<std::byte> all = load(std::string{traits(type).torch} + ".bin");
    const std::size_t first = read_only ? 0 : bytes_of(type, weights.size()), second = bytes_of(type, random_count);
    REQUIRE(all.size() == first + second + random_count * sizeof(float));
    const auto at = [&](std::size_t offset) { return all.begin() + static_cast<std::ptrdiff_t>(offset); };
    encoded.assign(all.begin(), at(first));
    random.assign(at(first), at(first + second));
    random_weights = floats({at(first + second), all.end()});
  }

 private:
  static std::vector<std::byte> load(const std::string& name) {
    std::ifstream file{std::string{TULU_TEST_DATA "/scalar/"} + name, std::ios::binary};
    REQUIRE_MESSAGE(file, "missing: " << name);
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
  }
  static std::vector<float> floats(const std::vector<std::byte>& bytes) {
    std::vector<float> out(bytes.size() / sizeof(float));
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
};

/// Block is decoded to the floats and encoded to the bytes of ggml.
template <class Block>
void check_decode(const block_goldens& goldens) {
  const auto* const blocks = reinterpret_cast<const Block*>(goldens.random.data());
  std::vector<float> out(goldens.random_weights.size());
  for (std::size_t i = 0; i < out.size() / Block::block; ++i) decode(blocks[i], out.data() + i * Block::block);
  CHECK(std::memcmp(out.data(), goldens.random_weights.data(), out.size() * sizeof(float)) == 0);
}

template <class Block>
void check_encode(const block_goldens& goldens) {
  for (std::size_t i = 0; i < goldens.weights.size() / Block::block; ++i) {
    CAPTURE(i);
    Block out;
    encode(goldens.weights.data() + i * Block::block, out);
    CHECK(std::memcmp(&out, goldens.encoded.data() + i * sizeof(Block), sizeof(Block)) == 0);
  }
}

/// Weights that are no numbers give some block, without undefined behaviour.
template <class Block>
void check_no_numbers() {
  constexpr float odd[]{std::numeric_limits<float>::quiet_NaN(),  std::numeric_limits<float>::infinity(),
                        -std::numeric_limits<float>::infinity(),  std::numeric_limits<float>::max(),
                        std::numeric_limits<float>::denorm_min(), 1.0f};
  for (const float first : odd)
    for (const float second : odd) {
      std::vector<float> weights(Block::block, first), out(Block::block);
      for (std::size_t i = 1; i < Block::block; i += 3) weights[i] = second;
      Block block;
      encode(weights.data(), block);
      decode(block, out.data());
      Block again;
      encode(weights.data(), again);
      CHECK(std::memcmp(&block, &again, sizeof(Block)) == 0);
    }
}

}  // namespace tulu::test
