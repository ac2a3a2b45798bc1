#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/io/file.hpp>
#include <tulu/io/mapped_file.hpp>
#include <tulu/kernel/deferred_panels.hpp>
#include <tulu/kernel/panels.hpp>

namespace deferred_panels_test {

using tulu::dtype;
using tulu::kernel::deferred_panels;

/// Random rows of blocks in a file, and their panels.
struct matrix {
  matrix(dtype kind, std::size_t row_count, std::size_t column_count, unsigned seed)
      : type{kind},
        rows{row_count},
        columns{column_count},
        panels(tulu::kernel::panels_bytes(type, rows, columns)),
        mapping{tulu::io::file{write(seed)}} {}

  [[nodiscard]] std::span<const std::byte> stored() const {
    REQUIRE(before.size() % 2 == 0);  // blocks begin with a float16
    return mapping.bytes().subspan(before.size());
  }
  /// Whether `found` are the panels of rows [first, first + count).
  [[nodiscard]] bool are_panels(const std::byte* found, std::size_t first, std::size_t count) const {
    std::vector<float> values(columns), wanted(columns);
    bool same = true;
    for (std::size_t row = 0; row < count; ++row) {
      tulu::kernel::unpack_row(type, found, columns, row, values.data());
      tulu::kernel::unpack_row(type, panels.data(), columns, first + row, wanted.data());
      same = same && std::memcmp(values.data(), wanted.data(), columns * sizeof(float)) == 0;
    }
    return same;
  }

  std::filesystem::path write(unsigned seed) {
    std::mt19937 generator{seed};
    std::string bytes(tulu::bytes_of(type, rows * columns), '\0');
    for (char& byte : bytes) byte = static_cast<char>(generator());
    tulu::kernel::pack_panels(type, reinterpret_cast<const std::byte*>(bytes.data()), rows, columns, panels.data());
    tulu::test::write_file(dir.path() / "rows", before + bytes);
    return dir.path() / "rows";
  }

  std::string before = "what lies before the rows, of an even length";
  tulu::test::temp_dir dir;
  dtype type;
  std::size_t rows, columns;
  std::vector<std::byte> panels;
  tulu::io::mapped_file mapping;
};

TEST_CASE("deferred_panels: the first products are lent theirs, later ones keep them") {
  constexpr std::size_t step = 48;
  unsigned seed = 1;
  for (const dtype type :
       {dtype::q4_0, dtype::q4_1, dtype::q5_0, dtype::q5_1, dtype::q8_0, dtype::q4_k, dtype::q5_k, dtype::q6_k})
    for (const std::size_t rows : {1U, 16U, 37U, 600U})
      for (const unsigned lent : {0U, 1U, 3U}) {
        CAPTURE(name(type));
        CAPTURE(rows);
        CAPTURE(lent);
        const matrix stored{type, rows, 256, seed++};
        deferred_panels deferred{type, stored.stored(), stored.columns, lent};
        std::vector<std::byte> room(tulu::kernel::panels_bytes(type, step, stored.columns));
        for (unsigned product = 0; product < lent + 2; ++product)
          for (std::size_t first = 0; first < rows; first += step) {
            const bool keeps = product >= lent;
            CHECK(deferred.all_kept() == (product > lent));
            const std::size_t count = std::min(step, rows - first);
            const std::byte* const found = deferred.get(first, count, room.data());
            CHECK(stored.are_panels(found, first, count));
            CHECK((found == room.data()) == !keeps);
            if (keeps) CHECK(found == deferred.data() + tulu::kernel::panels_bytes(type, first, stored.columns));
          }
        CHECK(deferred.all_kept());
        CHECK(stored.are_panels(deferred.data(), 0, rows));
        const std::size_t last = (rows - 1) * tulu::bytes_of(type, stored.columns);
        CHECK(std::memcmp(deferred.row(rows - 1), stored.stored().data() + last, stored.stored().size() - last) == 0);
      }
}

TEST_CASE("deferred_panels: products at once share the panels") {
  constexpr std::size_t rows = 16 * 40 + 3, step = 16 * 7, threads = 4;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const matrix stored{dtype::q8_0, rows, 64, seed};
    deferred_panels deferred{dtype::q8_0, stored.stored(), stored.columns, 1 + seed % 3};
    std::atomic<std::size_t> wrong = 0, ready = 0;
    std::vector<std::thread> users;
    for (std::size_t user = 0; user < threads; ++user)
      users.emplace_back([&, user] {
        const std::size_t own = user == 0 ? step : step - 16 * user;
        std::vector<std::byte> room(tulu::kernel::panels_bytes(dtype::q8_0, own, stored.columns));
        ++ready;
        while (ready != threads) std::this_thread::yield();
        for (unsigned product = 0; product < 4; ++product)
          for (std::size_t first = 0; first < rows; first += own) {
            const std::size_t count = std::min(own, rows - first);
            wrong += !stored.are_panels(deferred.get(first, count, room.data()), first, count);
          }
      });
    for (std::thread& user : users) user.join();
    CHECK(wrong == 0);
    CHECK(deferred.all_kept());
  }
}

}  // namespace deferred_panels_test
