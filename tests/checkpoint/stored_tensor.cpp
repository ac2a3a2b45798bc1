#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/stored_tensor.hpp>

using tulu::dtype;
using tulu::test::message_of;

namespace stored_tensor_test {

namespace checkpoint = tulu::checkpoint;

/// A file of the bytes 0, 1, 2, … 99.
struct counting_file {
  tulu::test::temp_dir dir;
  std::shared_ptr<const checkpoint::tensor_file> source;
  counting_file() {
    std::string bytes;
    for (int i = 0; i < 100; ++i) bytes += static_cast<char>(i);
    tulu::test::write_file(dir.path() / "f", bytes);
    source = std::make_shared<const checkpoint::tensor_file>(dir.path() / "f");
  }
  [[nodiscard]] checkpoint::stored_tensor tensor(dtype type, tulu::shape extents,
                                                 checkpoint::storage_layout layout) const {
    return {"t", type, std::move(extents), source, std::move(layout)};
  }
};

std::vector<int> bytes_of(std::span<const std::byte> bytes) {
  std::vector<int> out;
  for (const std::byte value : bytes) out.push_back(std::to_integer<int>(value));
  return out;
}

std::vector<int> read(const checkpoint::stored_tensor& tensor, std::size_t first, std::size_t count) {
  std::vector<std::byte> out(tulu::bytes_of(tensor.type(), count));
  tensor.read(first, count, out);
  return bytes_of(out);
}

TEST_CASE("stored_tensor: what it says of itself") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::u16, {2, 3}, {.offset = 4});
  CHECK(tensor.name() == "t");
  CHECK(tensor.type() == dtype::u16);
  CHECK(tensor.extents() == tulu::shape{2, 3});
  CHECK(tensor.size() == 6);
  CHECK(tensor.bytes() == 12);
  CHECK(tensor.file().path() == file.dir.path() / "f");
}

TEST_CASE("stored_tensor: a range of a contiguous tensor") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::u16, {2, 3}, {.offset = 4});
  CHECK(read(tensor, 0, 6) == std::vector{4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  CHECK(read(tensor, 2, 2) == std::vector{8, 9, 10, 11});
  CHECK(read(tensor, 6, 0).empty());
  CHECK(bytes_of(tensor.materialise().view().bytes) == read(tensor, 0, 6));
}

TEST_CASE("stored_tensor: a range outside and a buffer of another size are refused") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::u16, {2, 3}, {.offset = 4});
  std::vector<std::byte> out(4);
  const auto refused = [&](std::size_t first, std::size_t count) {
    return !message_of([&] { tensor.read(first, count, out); }).empty();
  };
  CHECK_FALSE(refused(4, 2));
  CHECK(refused(5, 2));
  CHECK(refused(7, 0));
  CHECK(refused(0, 1));
  CHECK(refused(~std::size_t{0}, 2));
  CHECK(refused(2, ~std::size_t{0}));
}

TEST_CASE("stored_tensor: a view shows the bytes of the mapped file; a misaligned tensor has none") {
  const counting_file file;
  const auto view = file.tensor(dtype::u32, {2}, {.offset = 8}).view();
  REQUIRE(view.has_value());
  CHECK(view->type == dtype::u32);
  CHECK(view->extents == tulu::shape{2});
  CHECK(bytes_of(view->bytes) == std::vector{8, 9, 10, 11, 12, 13, 14, 15});
  CHECK_FALSE(file.tensor(dtype::u32, {2}, {.offset = 6}).view().has_value());
  CHECK(file.tensor(dtype::u16, {2}, {.offset = 6}).view().has_value());
  CHECK(file.tensor(dtype::u8, {2}, {.offset = 7}).view().has_value());
}

TEST_CASE("stored_tensor: a view lives as long as one of the tensors of its file") {
  const counting_file file;
  auto tensor = std::make_unique<checkpoint::stored_tensor>(file.tensor(dtype::u8, {2}, {.offset = 1}));
  const auto copy = *tensor;
  const auto view = tensor->view();
  tensor.reset();
  CHECK(bytes_of(view->bytes) == std::vector{1, 2});
}

TEST_CASE("stored_tensor: an empty tensor has an empty view, wherever it lies") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::f64, {0, 7}, {.offset = 100});
  CHECK(tensor.view()->bytes.empty());
  CHECK(tensor.materialise().view().bytes.empty());
}

TEST_CASE("stored_tensor: the other byte order is put right and has no view") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::u32, {2}, {.offset = 8, .byte_swapped = true});
  CHECK(read(tensor, 0, 2) == std::vector{11, 10, 9, 8, 15, 14, 13, 12});
  CHECK(read(tensor, 1, 1) == std::vector{15, 14, 13, 12});
  CHECK_FALSE(tensor.view().has_value());
}

TEST_CASE("stored_tensor: strides: a transposed matrix, a repeated row, every other column") {
  const counting_file file;
  const auto transposed = file.tensor(dtype::u8, {3, 2}, {.offset = 10, .strides = {1, 3}});
  CHECK(read(transposed, 0, 6) == std::vector{10, 13, 11, 14, 12, 15});
  CHECK(read(transposed, 1, 4) == std::vector{13, 11, 14, 12});
  CHECK_FALSE(transposed.view().has_value());
  const auto repeated = file.tensor(dtype::u8, {2, 3}, {.offset = 20, .strides = {0, 1}});
  CHECK(read(repeated, 0, 6) == std::vector{20, 21, 22, 20, 21, 22});
  const auto columns = file.tensor(dtype::u16, {2, 2}, {.offset = 30, .strides = {4, 2}});
  CHECK(read(columns, 0, 4) == std::vector{30, 31, 34, 35, 38, 39, 42, 43});
  const auto swapped = file.tensor(dtype::u16, {2, 2}, {.offset = 30, .strides = {1, 2}, .byte_swapped = true});
  CHECK(read(swapped, 0, 4) == std::vector{31, 30, 35, 34, 33, 32, 37, 36});
}

TEST_CASE("stored_tensor: block types are read by whole blocks") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::q4_0, {2, 32}, {.offset = 10});
  CHECK(tensor.bytes() == 36);
  CHECK(read(tensor, 32, 32).front() == 28);
  CHECK(read(tensor, 0, 64).size() == 36);
  std::vector<std::byte> out(18);
  CHECK(!message_of([&] { tensor.read(16, 32, out); }).empty());
  CHECK(!message_of([&] { tensor.read(0, 16, out); }).empty());
  CHECK(tensor.view().has_value());
  CHECK_FALSE(file.tensor(dtype::q4_0, {32}, {.offset = 11}).view().has_value());
}

TEST_CASE("stored_tensor: elements that are worked out are read and have no view") {
  class doubled final : public checkpoint::derived_elements {
   public:
    void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(2 * (first + i));
    }
  };
  const counting_file file;
  const checkpoint::stored_tensor tensor{"t", dtype::u8, {2, 3}, file.source, std::make_shared<const doubled>()};
  CHECK(read(tensor, 1, 4) == std::vector{2, 4, 6, 8});
  CHECK_FALSE(tensor.view().has_value());
  CHECK(bytes_of(tensor.materialise().view().bytes) == std::vector{0, 2, 4, 6, 8, 10});
  const checkpoint::stored_tensor other = tensor.renamed("other");
  CHECK(other.name() == "other");
  CHECK(read(other, 2, 1) == std::vector{4});
  CHECK(other.source() == file.source);
}

TEST_CASE("stored_tensor: several threads map and read one file") {
  const counting_file file;
  const auto tensor = file.tensor(dtype::u8, {100}, {});
  std::vector<int> sums(4);
  std::vector<std::thread> threads;
  for (int& sum : sums)
    threads.emplace_back([&tensor, &sum] {
      for (const int value : bytes_of(tensor.view()->bytes)) sum += value;
      for (const int value : read(tensor, 0, 100)) sum += value;
    });
  for (std::thread& thread : threads) thread.join();
  for (const int sum : sums) CHECK(sum == 9900);
}

}  // namespace stored_tensor_test
