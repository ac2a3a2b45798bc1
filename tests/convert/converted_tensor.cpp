#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/checkpoint/open.hpp>
#include <tulu/convert/converted_tensor.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/tensor/block_codec.hpp>

namespace converted_tensor_test {

using tulu::dtype;
using tulu::checkpoint::stored_tensor;
using tulu::convert::converted;

const tulu::kernel::elementwise_table& kernels = *tulu::kernel::backend_portable().elementwise;

/// A matrix of F32 in a file, and its values.
struct fixture {
  tulu::test::temp_dir dir;
  std::vector<float> values = tulu::test::random_values(std::size_t{70} * 512, 7);
  stored_tensor tensor = [this] {
    tulu::test::write_safetensors(dir.path() / "m.safetensors", {{"w", {70, 512}, values}});
    return tulu::checkpoint::open(dir.path() / "m.safetensors").tensors()[0];
  }();
};

std::vector<std::byte> bytes_of_range(const stored_tensor& tensor, std::size_t first, std::size_t count) {
  std::vector<std::byte> out(tulu::bytes_of(tensor.type(), count));
  tensor.read(first, count, out);
  return out;
}

TEST_CASE("converted: every type is encoded as block_codec does, in any range") {
  const fixture data;
  for (const dtype type : {dtype::f16, dtype::bf16, dtype::q8_0, dtype::q4_0, dtype::q4_k, dtype::q6_k}) {
    CAPTURE(name(type));
    const stored_tensor tensor = converted(data.tensor, type, kernels);
    CHECK(tensor.type() == type);
    CHECK(tensor.extents() == data.tensor.extents());
    CHECK_FALSE(tensor.view().has_value());
    std::vector<std::byte> expected(tensor.bytes());
    tulu::encode(type, data.values.data(), expected.data(), data.values.size());
    CHECK(bytes_of_range(tensor, 0, tensor.size()) == expected);
    const std::size_t first = 5 * 256, count = 67 * 512;
    const auto begin = expected.begin() + static_cast<std::ptrdiff_t>(tulu::bytes_of(type, first));
    const auto end = begin + static_cast<std::ptrdiff_t>(tulu::bytes_of(type, count));
    CHECK(bytes_of_range(tensor, first, count) == std::vector(begin, end));
  }
  CHECK(converted(data.tensor, dtype::f32, kernels).view().has_value());
}

TEST_CASE("converted: blocks are decoded in ranges that begin and end inside of them") {
  const fixture data;
  const stored_tensor blocks = converted(data.tensor, dtype::q4_k, kernels);
  const stored_tensor tensor = converted(blocks, dtype::f32, kernels);
  const std::vector<std::byte> stored = bytes_of_range(blocks, 0, blocks.size());
  std::vector<float> expected(tensor.size());
  tulu::decode(dtype::q4_k, stored.data(), expected.data(), expected.size());
  for (const std::size_t first :
       {std::size_t{0}, std::size_t{1}, std::size_t{255}, std::size_t{16383}, std::size_t{35000}})
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{300}, std::size_t{840}}) {
      std::vector<float> found(count);
      tensor.read(first, count, std::as_writable_bytes(std::span{found}));
      CHECK(std::equal(found.begin(), found.end(), expected.begin() + static_cast<std::ptrdiff_t>(first)));
    }
  std::vector<float> all(tensor.size());
  tensor.read(0, all.size(), std::as_writable_bytes(std::span{all}));
  CHECK(all == expected);
}

TEST_CASE("converted: what cannot be is refused by name") {
  const fixture data;
  const auto message = [&](const stored_tensor& tensor, dtype type) {
    return tulu::test::message_of([&] { static_cast<void>(converted(tensor, type, kernels)); });
  };
  CHECK(message(data.tensor, dtype::iq4_nl).find("w: expected weights that can be converted to IQ4_NL") !=
        std::string::npos);
  CHECK(message(data.tensor, dtype::i32).find("found F32 [70, 512]") != std::string::npos);
  const stored_tensor narrow{"n", dtype::f32, {512, 70}, data.tensor.source(), data.tensor.layout()};
  CHECK(message(narrow, dtype::q8_0).find("n: expected weights that can be converted to Q8_0") != std::string::npos);
  const stored_tensor integers{"i", dtype::i32, {70, 512}, data.tensor.source(), data.tensor.layout()};
  CHECK(message(integers, dtype::f32).find("found I32") != std::string::npos);
}

}  // namespace converted_tensor_test
