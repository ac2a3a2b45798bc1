#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/checkpoint/open.hpp>
#include <tulu/diff/recover.hpp>
#include <tulu/diff/tuned_catalogue.hpp>

using tulu::test::small_model;
using tulu::test::temp_dir;
using tulu::test::write_model;

TEST_CASE("tuned_catalogue: the tensors of recover, new rows included, in any range") {
  for (const auto type : {tulu::dtype::f32, tulu::dtype::f16}) {
    const temp_dir dir;
    const auto base = tulu::checkpoint::open(write_model(dir.path() / "base", small_model(30000, 1, tulu::dtype::f16)));
    const auto diff = tulu::checkpoint::open(write_model(dir.path() / "diff", small_model(30003, 9)));
    tulu::diff_options options;
    options.type = type;
    tulu::recover(base, diff, dir.path() / "tuned", options);
    const auto expected = tulu::checkpoint::open(dir.path() / "tuned");

    const auto work = tulu::plan_recover(base, diff, dir.path() / "elsewhere", options);
    const auto found = tulu::diff::tuned_catalogue(work, diff, *options.kernels);
    REQUIRE(found.tensors().size() == expected.tensors().size());
    for (const auto& tensor : expected.tensors()) {
      CAPTURE(tensor.name());
      const auto* const other = found.find(tensor.name());
      REQUIRE(other != nullptr);
      CHECK(other->extents() == tensor.extents());
      CHECK(other->type() == tensor.type());
      const std::size_t width = size_of(type);
      std::vector<std::byte> wanted(tensor.bytes());
      tensor.read(0, tensor.size(), wanted);
      const std::size_t last = std::min<std::size_t>(tensor.size(), 7);  // of new rows, before any other is read
      std::vector<std::byte> tail(last * width);
      other->read(tensor.size() - last, last, tail);
      CHECK(std::equal(tail.begin(), tail.end(), wanted.end() - static_cast<std::ptrdiff_t>(tail.size())));
      std::vector<std::byte> all(tensor.bytes());
      other->read(0, tensor.size(), all);
      CHECK(all == wanted);
    }
  }
}
