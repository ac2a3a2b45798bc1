#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/raw_safetensors.hpp"
#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/detail/joined_parts.hpp>

namespace joined_parts_test {

using tulu::checkpoint::stored_tensor;
using tulu::checkpoint::detail::join_parts;

/// Part `number` of `rows` × `columns` elements of u16; each says its part, row and column.
stored_tensor part(const tulu::test::temp_dir& dir, unsigned number, std::size_t rows, std::size_t columns,
                   tulu::dtype type = tulu::dtype::u16) {
  std::string bytes;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column) {
      bytes += static_cast<char>(16 * row + column);
      bytes += static_cast<char>(number);
    }
  const auto file = tulu::test::tensor_file_of(dir, bytes, "part" + std::to_string(number));
  return {"w", type, {rows, columns}, file, tulu::checkpoint::storage_layout{}};
}

std::vector<std::uint16_t> elements(const stored_tensor& tensor, std::size_t first, std::size_t count) {
  std::vector<std::uint16_t> out(count);
  tensor.read(first, count, std::as_writable_bytes(std::span{out}));
  return out;
}

TEST_CASE("join_parts: rows below each other and beside each other, in every range") {
  const tulu::test::temp_dir dir;
  const std::vector<stored_tensor> parts{part(dir, 0, 3, 5), part(dir, 1, 3, 5), part(dir, 2, 3, 5)};
  for (const std::size_t axis : {0U, 1U}) {
    CAPTURE(axis);
    const stored_tensor joined = join_parts(parts, axis);
    CHECK(joined.extents() == (axis == 0 ? tulu::shape{9, 5} : tulu::shape{3, 15}));
    std::vector<std::uint16_t> expected;
    for (std::size_t row = 0; row < joined.extents()[0]; ++row)
      for (std::size_t column = 0; column < joined.extents()[1]; ++column) {
        const std::size_t number = axis == 0 ? row / 3 : column / 5;
        expected.push_back(static_cast<std::uint16_t>(256 * number + 16 * (row % 3) + column % 5));
      }
    for (std::size_t first = 0; first <= expected.size(); ++first)
      for (std::size_t count = 0; count <= expected.size() - first; ++count) {
        const auto begin = expected.begin() + static_cast<std::ptrdiff_t>(first);
        if (elements(joined, first, count) != std::vector(begin, begin + static_cast<std::ptrdiff_t>(count)))
          FAIL_CHECK("another range: " << first << " +" << count);
      }
    CHECK_FALSE(joined.view().has_value());
  }
}

TEST_CASE("join_parts: one part is itself; empty ones are nothing") {
  const tulu::test::temp_dir dir;
  CHECK(join_parts({part(dir, 0, 2, 2)}, 1).view().has_value());
  const stored_tensor none = join_parts({part(dir, 0, 0, 4), part(dir, 1, 0, 4)}, 0);
  CHECK(none.extents() == tulu::shape{0, 4});
  CHECK(elements(none, 0, 0).empty());
}

TEST_CASE("join_parts: parts of another shape or type, and vectors, are refused") {
  const tulu::test::temp_dir dir;
  const auto message = [&](const std::vector<stored_tensor>& parts) {
    return tulu::test::message_of([&] { static_cast<void>(join_parts(parts, 0)); });
  };
  CHECK(message({part(dir, 0, 2, 3), part(dir, 1, 3, 3)}).find("part1: w: expected U16 [2, 3] as in part0") !=
        std::string::npos);
  CHECK(message({part(dir, 0, 2, 3), part(dir, 1, 2, 3, tulu::dtype::f16)}).find("found F16 [2, 3]") !=
        std::string::npos);
  const stored_tensor vector{
      "n", tulu::dtype::u16, {4}, part(dir, 0, 2, 3).source(), tulu::checkpoint::storage_layout{}};
  CHECK(message({vector, vector}).find("expected a matrix of plain elements, found U16 [4]") != std::string::npos);
}

}  // namespace joined_parts_test
