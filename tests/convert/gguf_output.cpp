#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/convert/converted_tensor.hpp>
#include <tulu/convert/gguf_output.hpp>
#include <tulu/convert/memory_tensor.hpp>

namespace gguf_output_test {

namespace fs = std::filesystem;
using tulu::dtype;
using tulu::checkpoint::gguf_value;
using tulu::checkpoint::stored_tensor;
using tulu::test::message_of;

/// A job of three tensors: a block type whose bytes cross the windows of the writer, a vector, F16.
struct fixture {
  tulu::test::temp_dir dir;
  tulu::convert_options options;
  tulu::convert::gguf_job job = make_job();

  [[nodiscard]] tulu::convert::gguf_job make_job() {
    const std::size_t rows = 9000;
    tulu::test::write_safetensors(dir.path() / "m.safetensors",
                                  {{"big", {rows, 512}, tulu::test::random_values(rows * 512, 3)},
                                   {"small", {3, 32}, tulu::test::random_values(96, 4)}});
    const auto source = tulu::checkpoint::open(dir.path() / "m.safetensors");
    const auto& kernels = *options.kernels;
    return {dir.path() / "out.gguf",
            {tulu::convert::memory_tensor("vector", {1, 2, 3}, source.tensors()[0].source()),
             tulu::convert::converted(*source.find("big"), dtype::q8_0, kernels),
             tulu::convert::converted(*source.find("small"), dtype::f16, kernels)},
            {{"general.architecture", gguf_value::of("llama")}},
            {{"made", "from this"}}};
  }
};

TEST_CASE("write_gguf: the file holds the tensors of the job, its manifest their hashes") {
  fixture data;
  std::size_t last = 0;
  data.options.threads = 3;
  data.options.on_progress = [&](std::size_t done, std::size_t) { last = done; };
  const auto result = tulu::convert::write_gguf(data.job, data.options);
  CHECK_FALSE(result.already_complete);
  CHECK(result.bytes == fs::file_size(data.job.path));
  CHECK(last != 0);
  const auto contents = tulu::checkpoint::read_gguf(data.job.path);
  REQUIRE(contents.tensors.size() == 3);
  const auto manifest = tulu::diff::load_manifest_file(tulu::convert::gguf_manifest_path(data.job.path));
  REQUIRE(manifest.has_value());
  for (std::size_t i = 0; i < 3; ++i) {
    const stored_tensor& wanted = data.job.tensors[i];
    const stored_tensor& found = contents.tensors[i];
    CAPTURE(wanted.name());
    CHECK(found.name() == wanted.name());
    CHECK(found.type() == wanted.type());
    CHECK(found.extents() == wanted.extents());
    const auto left = wanted.materialise(), right = found.materialise();
    CHECK(std::ranges::equal(left.view().bytes, right.view().bytes));
    tulu::io::sha256 hash{data.options.hashing};
    hash.update(left.view().bytes);
    CHECK(manifest->tensors.at(wanted.name()) == tulu::io::to_hex(hash.finish()));
  }
  CHECK(tulu::convert::verify_gguf(data.job.path, data.options).tensor_digest == result.tensor_digest);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{data.dir.path()}) names.push_back(entry.path().filename().string());
  CHECK(std::none_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with('.'); }));
  CHECK(tulu::convert::write_gguf(data.job, data.options).already_complete);
}

TEST_CASE("write_gguf: another identity, a damaged file and a foreign one are refused") {
  fixture data;
  const auto message = [&] { return message_of([&] { (void)tulu::convert::write_gguf(data.job, data.options); }); };
  tulu::test::write_file(data.job.path, "mine");
  CHECK(message().find("expected nothing or an output of this program, found a foreign file") != std::string::npos);
  data.options.force = true;
  CHECK(message().find("foreign") != std::string::npos);
  fs::remove(data.job.path);
  CHECK(message().empty());
  data.options.force = false;
  data.job.identity = {{"made", "from that"}};
  CHECK(message().find("made: expected from that, found from this (--force replaces it)") != std::string::npos);
  data.job.identity = {{"made", "from this"}};
  fs::resize_file(data.job.path, 100);
  CHECK(message().find("out.gguf: expected") != std::string::npos);
  CHECK(message_of([&] { (void)tulu::convert::verify_gguf(data.job.path, data.options); }).find("SHA-256") !=
        std::string::npos);
}

TEST_CASE("write_gguf: a request to stop leaves no file of that name") {
  fixture data;
  std::stop_source stop;
  stop.request_stop();
  data.options.stop = stop.get_token();
  CHECK_THROWS_AS((void)tulu::convert::write_gguf(data.job, data.options), tulu::cancelled);
  CHECK_FALSE(fs::exists(data.job.path));
  CHECK_FALSE(fs::exists(tulu::convert::gguf_manifest_path(data.job.path)));
}

TEST_CASE("output_lock: one run on an output at a time") {
  const tulu::test::temp_dir dir;
  const auto take = [&] { const tulu::convert::detail::output_lock lock{dir.path() / "m.gguf"}; };
  {
    const tulu::convert::detail::output_lock first{dir.path() / "m.gguf"};
    CHECK(message_of(take).find("to be the only run on this output") != std::string::npos);
  }
  CHECK(message_of(take).empty());
}

}  // namespace gguf_output_test
