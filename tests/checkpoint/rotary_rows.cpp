#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/rotary_rows.hpp>

using checkpoint::rotary_order;
using checkpoint::stored_tensor;
using tulu::dtype;
using tulu::shape;

namespace rotary_rows_test {

namespace checkpoint = tulu::checkpoint;

/// A tensor whose bytes are random but fixed.
stored_tensor make(const tulu::test::temp_dir& dir, dtype type, shape extents) {
  std::string bytes(tulu::bytes_of(type, extents.count().value()), '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  tulu::test::write_file(dir.path() / "x", bytes);
  auto source = std::make_shared<const checkpoint::tensor_file>(dir.path() / "x");
  return {"x.self_attn.q_proj.weight", type, std::move(extents), source, checkpoint::storage_layout{}};
}

std::string bytes_of(const stored_tensor& tensor) {
  const auto copy = tensor.materialise();
  return {reinterpret_cast<const char*>(copy.view().bytes.data()), copy.view().bytes.size()};
}

stored_tensor to_pairs(const stored_tensor& tensor, std::size_t heads) {
  return checkpoint::reorder_rotary_rows(tensor, heads, rotary_order::halves, rotary_order::pairs);
}
stored_tensor to_halves(const stored_tensor& tensor, std::size_t heads) {
  return checkpoint::reorder_rotary_rows(tensor, heads, rotary_order::pairs, rotary_order::halves);
}

TEST_CASE("rotary_rows: the two rows of a pair stand side by side in one order and half a head apart in the other") {
  // numpy.arange(8).reshape(2, 4).T.reshape(8), as convert_hf_to_gguf.py's permute
  constexpr std::size_t pairs_of_halves[] = {0, 4, 1, 5, 2, 6, 3, 7};
  for (std::size_t row = 0; row < 8; ++row) {
    CHECK(checkpoint::rotary_row(row, 8, rotary_order::halves, rotary_order::pairs) == pairs_of_halves[row]);
    CHECK(pairs_of_halves[checkpoint::rotary_row(row, 8, rotary_order::pairs, rotary_order::halves)] == row);
    CHECK(checkpoint::rotary_row(row, 8, rotary_order::pairs, rotary_order::pairs) == row);
  }
}

TEST_CASE("rotary_rows: the rows of each head are reordered, one way after the other gives the same tensor") {
  const tulu::test::temp_dir dir;
  for (const dtype type : {dtype::f32, dtype::f16, dtype::q8_0, dtype::q4_k}) {
    CAPTURE(tulu::name(type));
    const std::size_t columns = 2 * std::max<std::size_t>(tulu::block_of(type), 8);
    for (const std::size_t heads : {1U, 2U, 3U, 6U}) {
      const stored_tensor tensor = make(dir, type, {12, columns});
      const stored_tensor moved = to_pairs(tensor, heads);
      const std::string before = bytes_of(tensor), after = bytes_of(moved);
      const std::size_t row_bytes = tulu::bytes_of(type, columns), head_dim = 12 / heads;
      CHECK(moved.name() == tensor.name());
      CHECK_FALSE(moved.view().has_value());
      CHECK((before == after) == (head_dim == 2));
      for (std::size_t row = 0; row < 12; ++row) {
        const std::size_t inside = row % head_dim;
        const std::size_t origin = row - inside + inside % 2 * (head_dim / 2) + inside / 2;
        CHECK((after.substr(row * row_bytes, row_bytes) == before.substr(origin * row_bytes, row_bytes)));
      }
      CHECK((bytes_of(to_halves(moved, heads)) == before));
      CHECK((bytes_of(to_pairs(to_halves(tensor, heads), heads)) == before));
    }
  }
}

TEST_CASE("rotary_rows: what lies in pairs can be seen where it lies") {
  const tulu::test::temp_dir dir;
  const auto stored = make(dir, dtype::f16, {16, 8});
  const auto view = checkpoint::view_in_pairs(to_halves(stored, 2).renamed("y"), 8);
  REQUIRE(view.has_value());
  CHECK(view->bytes.data() == stored.view()->bytes.data());
  CHECK(view->bytes.size() == stored.bytes());
  CHECK_FALSE(checkpoint::view_in_pairs(to_halves(stored, 2), 4).has_value());
  CHECK_FALSE(checkpoint::view_in_pairs(stored, 8).has_value());
  CHECK_FALSE(checkpoint::view_in_pairs(to_pairs(stored, 2), 8).has_value());
  CHECK_FALSE(checkpoint::view_in_pairs(to_halves(to_pairs(stored, 2), 2), 8).has_value());
}

TEST_CASE("rotary_rows: any range of blocks is that range of the whole") {
  const tulu::test::temp_dir dir;
  const stored_tensor moved = to_pairs(make(dir, dtype::q8_0, {8, 64}), 2);
  const std::string whole = bytes_of(moved);
  for (std::size_t first = 0; first <= 512; first += 32)
    for (std::size_t count = 0; first + count <= 512; count += 32) {
      std::string part(tulu::bytes_of(dtype::q8_0, count), '\0');
      moved.read(first, count, std::as_writable_bytes(std::span{part}));
      CHECK((part == whole.substr(tulu::bytes_of(dtype::q8_0, first), part.size())));
    }
}

TEST_CASE("rotary_rows: biases are reordered as the rows are") {
  const tulu::test::temp_dir dir;
  const stored_tensor bias = make(dir, dtype::f32, {8});
  const stored_tensor moved = to_pairs(bias, 2);
  const std::string before = bytes_of(bias), after = bytes_of(moved);
  constexpr std::size_t order[] = {0, 2, 1, 3, 4, 6, 5, 7};
  for (std::size_t i = 0; i < 8; ++i) CHECK(after.substr(4 * i, 4) == before.substr(4 * order[i], 4));
  CHECK(bytes_of(to_halves(moved, 2)) == before);
}

TEST_CASE("rotary_rows: rows that are not those of heads are refused") {
  const tulu::test::temp_dir dir;
  const auto failure = [&](dtype type, shape extents, std::size_t heads) {
    const stored_tensor tensor = make(dir, type, std::move(extents));
    return tulu::test::message_of([&] { static_cast<void>(to_pairs(tensor, heads)); });
  };
  const std::string place = (dir.path() / "x").string() + ": x.self_attn.q_proj.weight: expected the rows of ";
  CHECK(failure(dtype::f32, {12, 4}, 5) == place + "5 heads of even size, found [12, 4]");
  CHECK(failure(dtype::f32, {12, 4}, 4) == place + "4 heads of even size, found [12, 4]");
  CHECK(failure(dtype::f32, {12, 4}, 0) == place + "0 heads of even size, found [12, 4]");
  CHECK(failure(dtype::f32, {4, 2, 2}, 1) == place + "1 heads of even size, found [4, 2, 2]");
  CHECK(failure(dtype::q8_0, {64}, 1) == place + "1 heads of even size, found [64]");
  CHECK(failure(dtype::f32, {12, 4}, 6).empty());
}

TEST_CASE("rotary_rows: which tensors have them") {
  using checkpoint::has_rotary_rows;
  CHECK(has_rotary_rows("model.layers.3.self_attn.q_proj.weight"));
  CHECK(has_rotary_rows("model.layers.3.self_attn.k_proj.bias"));
  CHECK_FALSE(has_rotary_rows("model.layers.3.self_attn.v_proj.weight"));
  CHECK_FALSE(has_rotary_rows("model.layers.3.self_attn.o_proj.weight"));
  CHECK_FALSE(has_rotary_rows("blk.3.attn_q.weight"));
}

}  // namespace rotary_rows_test
