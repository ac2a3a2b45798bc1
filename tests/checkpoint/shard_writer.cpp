#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include <tulu/checkpoint/shard_writer.hpp>

using namespace tulu;

namespace shard_writer_test {

checkpoint::sha256_digest hash_of(std::string_view text) {
  io::sha256 hash{io::portable_sha256};
  hash.update(std::as_bytes(std::span{text}));
  return hash.finish();
}

TEST_CASE("a shard is its prefix and its tensors, whatever their sizes, and is hashed as a whole and in parts") {
  constexpr std::size_t window = checkpoint::shard_writer::window_bytes;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, window - 8, window - 7, window,
                                 3 * window + 5, 6 * window}) {
    CAPTURE(size);
    const test::temp_dir dir;
    std::string large(size, '\0');
    for (std::size_t i = 0; i < size; ++i) large[i] = static_cast<char>(i * 31 + i / 257);
    const std::vector<std::string> tensors{"", large, "tail", ""};
    std::string whole = "prefix: ";
    for (const std::string& tensor : tensors) whole += tensor;

    checkpoint::shard_writer out{dir.path() / "x", "prefix: ", whole.size(), io::portable_sha256};
    for (const std::string& tensor : tensors) {
      out.begin_tensor();
      out.append(std::as_bytes(std::span{tensor}));
    }
    const checkpoint::shard_digest digest = out.finish();
    CHECK(digest.file == hash_of(whole));
    REQUIRE(digest.tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) CHECK(digest.tensors[i] == hash_of(tensors[i]));
    CHECK_FALSE(std::filesystem::exists(dir.path() / "x"));
    io::publish(dir.path() / "x");
    CHECK((test::read_file(dir.path() / "x") == whole));
  }
}

TEST_CASE("a shard that is given up leaves only the partial file") {
  const test::temp_dir dir;
  {
    checkpoint::shard_writer out{dir.path() / "x", "prefix", 100, io::portable_sha256};
    out.begin_tensor();
  }
  CHECK_FALSE(std::filesystem::exists(dir.path() / "x"));
  CHECK(std::filesystem::exists(dir.path() / ".x.partial"));
}

TEST_CASE("a shard on a full device fails with the name of the file") {
  if (!std::filesystem::exists("/dev/full")) {
    MESSAGE("skipped: no /dev/full");
    return;
  }
  const test::temp_dir dir;
  std::filesystem::create_symlink("/dev/full", dir.path() / ".x.partial");
  const std::string failed = test::message_of([&] {
    checkpoint::shard_writer out{dir.path() / "x", "prefix", 0, io::portable_sha256};
    const std::vector<std::byte> block(std::size_t{1} << 20);
    for (int i = 0; i < 64; ++i) out.append(block);
    (void)out.finish();
  });
  CHECK(failed.find(".x.partial: cannot write") != std::string::npos);
}

}  // namespace shard_writer_test
