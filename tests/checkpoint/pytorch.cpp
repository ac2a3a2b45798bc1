#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include "../support/zip_builder.hpp"
#include <tulu/checkpoint/pytorch.hpp>

namespace pytorch_test {

using namespace std::string_literals;
using tulu::checkpoint::stored_tensor;
using tulu::test::little;
using tulu::test::zip_builder;

const std::filesystem::path data = std::filesystem::path{TULU_TEST_DATA} / "pytorch";

std::vector<stored_tensor> read(const std::filesystem::path& path) {
  return tulu::checkpoint::read_pytorch(std::make_shared<const tulu::checkpoint::tensor_file>(path));
}

struct scratch {
  tulu::test::temp_dir folder;

  [[nodiscard]] std::vector<stored_tensor> open(std::string_view bytes) const {
    tulu::test::write_file(folder.path() / "m.pt", bytes);
    return read(folder.path() / "m.pt");
  }
  [[nodiscard]] std::string error_of(std::string_view bytes) const {
    return tulu::test::message_of([&] { static_cast<void>(open(bytes)); });
  }
  void refused(std::string_view bytes, std::string_view part) const {
    const std::string message = error_of(bytes);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  }
};

std::string hex(std::span<const std::byte> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += digits[std::to_integer<unsigned>(b) >> 4];
    out += digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

std::string elements(const stored_tensor& tensor) {
  const tulu::tensor copy = tensor.materialise();
  return hex(copy.view().bytes);
}

std::string extents_of(const stored_tensor& tensor) {
  std::string out;
  for (const std::size_t n : tensor.extents().extents()) out += (out.empty() ? "" : ",") + std::to_string(n);
  return out;
}

/// The lines of NAME.txt, made from the tensors that were read.
std::string listing(const std::vector<stored_tensor>& tensors) {
  std::string out;
  for (const stored_tensor& t : tensors)
    out += t.name() + "|" + std::string{name(t.type())} + "|" + extents_of(t) + "|" + elements(t) + "\n";
  return out;
}

std::string text(std::string_view value) {
  return "X" + little(value.size(), 4) + std::string{value};
}

/// BININT8 of sorts: LONG1 of 8 bytes.
std::string number(std::int64_t value) {
  return "\x8a\x08" + little(static_cast<std::uint64_t>(value), 8);
}

std::string tuple(const std::vector<std::int64_t>& numbers) {
  std::string out = "(";
  for (const std::int64_t n : numbers) out += number(n);
  return out + "t";
}

/// A tensor of the FloatStorage "0".
std::string tensor(std::int64_t count, std::int64_t offset, const std::vector<std::int64_t>& extents,
                   const std::vector<std::int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
         text("cpu") + number(count) + "tQ" + number(offset) + tuple(extents) + tuple(strides) + "\x89}tR";
}

std::string dict_of(std::string_view name, std::string_view value) {
  return "\x80\2}" + text(name) + std::string{value} + "s.";
}

/// An archive of this data.pkl and a storage "0" of six floats.
std::string archive(std::string_view pickle) {
  return zip_builder{}.add({"m/data.pkl", std::string{pickle}}).add({"m/data/0", std::string(24, 'x')}).finish();
}

TEST_CASE("checkpoints of torch.save give the names, shapes and elements that torch sees") {
  for (const std::string name :
       {"zip_dtypes", "zip_views", "zip_protocol4", "zip_big_endian", "zip_module", "zip_parameters", "zip_nested",
        "legacy_dtypes", "legacy_views", "legacy_big_endian", "legacy_nested"}) {
    CAPTURE(name);
    CHECK(listing(read(data / (name + ".pt"))) == tulu::test::read_file(data / (name + ".txt")));
  }
}

TEST_CASE("contiguous tensors of this machine's byte order have a view, others have none") {
  for (const stored_tensor& t : read(data / "zip_views.pt")) {
    CAPTURE(t.name());
    const bool contiguous = t.name() == "whole" || t.name() == "rows" || t.name() == "one" || t.name() == "outer_first";
    CHECK(t.layout().strides.empty() == contiguous);
    CHECK(t.view().has_value() == contiguous);
    if (t.view()) CHECK(hex(t.view()->bytes) == elements(t));
  }
  for (const stored_tensor& t : read(data / "zip_big_endian.pt"))
    CHECK(t.layout().byte_swapped == (std::endian::native == std::endian::little && size_of(t.type()) > 1));
}

TEST_CASE("every range of a strided tensor reads as the same range of the whole") {
  for (const stored_tensor& t : read(data / "zip_views.pt")) {
    const std::string whole = elements(t);
    const std::size_t width = size_of(t.type());
    for (std::size_t first = 0; first <= t.size(); ++first) {
      for (std::size_t count = 0; count <= t.size() - first; ++count) {
        std::vector<std::byte> out(count * width);
        t.read(first, count, out);
        if (hex(out) != whole.substr(2 * first * width, 2 * count * width)) {
          CAPTURE(t.name());
          CAPTURE(first);
          CAPTURE(count);
          FAIL_CHECK("another range");
        }
      }
    }
  }
}

/// A tensor of u32 in `path`, whose element i of the file is i.
stored_tensor numbered(const std::filesystem::path& path, const std::vector<std::size_t>& extents,
                       const std::vector<std::size_t>& strides, std::size_t first) {
  return {"t",
          tulu::dtype::u32,
          tulu::shape{extents},
          std::make_shared<const tulu::checkpoint::tensor_file>(path),
          {.offset = first * 4, .strides = strides}};
}

/// Element by element, what `numbered` has to read as.
std::vector<std::uint32_t> expected(const std::vector<std::size_t>& extents, const std::vector<std::size_t>& strides,
                                    std::size_t first) {
  std::size_t count = 1;
  for (const std::size_t n : extents) count *= n;
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t at = first;
    for (std::size_t axis = extents.size(), rest = i; axis-- > 0; rest /= extents[axis])
      at += rest % extents[axis] * strides[axis];
    out.push_back(static_cast<std::uint32_t>(at));
  }
  return out;
}

TEST_CASE("strided tensors larger than the scratch, with wide gaps or many axes, read correctly") {
  const scratch s;
  std::string bytes(std::size_t{4} * 700'000, '\0');
  for (std::uint32_t i = 0; i < 700'000; ++i) std::memcpy(bytes.data() + 4 * std::size_t{i}, &i, 4);
  const auto path = s.folder.path() / "numbers";
  tulu::test::write_file(path, bytes);
  struct view {
    std::vector<std::size_t> extents, strides;
    std::size_t first;
  };
  const view views[] = {
      {{400'000}, {1}, 5},                   // longer than the scratch
      {{300'000}, {2}, 1},                   // the same, with gaps
      {{3, 200'000}, {1, 3}, 0},             // transposed, lines close together
      {{200'000, 3}, {1, 200'001}, 7},       // transposed, lines far apart
      {{300, 2'000}, {1, 300}, 0},           // a transposed matrix
      {{300, 300}, {1, 2'000}, 11},          // a block of one
      {{5, 7, 11, 13}, {1, 5, 35, 385}, 0},  // all axes reversed
      {{4, 3, 1, 5, 6}, {0, 1'000, 9'999'999, 7, 0}, 3},
      {{100, 100}, {0, 0}, 42},
      {{100, 3, 50}, {1, 0, 6'000}, 0},
      {{10, 10}, {1, 1}, 0},  // overlapping
      {{90}, {7'000}, 0},
  };
  for (const view& v : views) {
    const stored_tensor t = numbered(path, v.extents, v.strides, v.first);
    const std::vector<std::uint32_t> whole = expected(v.extents, v.strides, v.first);
    CAPTURE(tulu::to_string(t.extents()));
    REQUIRE(whole.size() == t.size());
    for (const auto& [first, count] :
         {std::pair{std::size_t{0}, t.size()}, {t.size() / 3, t.size() / 2}, {1, t.size() - 1}, {t.size() / 2, 1}}) {
      std::vector<std::uint32_t> out(count);
      t.read(first, count, std::as_writable_bytes(std::span{out}));
      CHECK(std::equal(out.begin(), out.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
    }
  }
}

TEST_CASE("a hand-made archive with a tensor reads") {
  const scratch s;
  const auto tensors = s.open(archive(dict_of("w", tensor(6, 1, {2, 2}, {2, 1}))));
  REQUIRE(tensors.size() == 1);
  CHECK(elements(tensors[0]) == "78787878787878787878787878787878");
  CHECK(s.open(archive(dict_of("w", tensor(6, 0, {0, 3}, {3, 1})))).at(0).size() == 0);
  CHECK(s.open(archive(dict_of("w", tensor(6, 0, {1000, 6}, {0, 1})))).at(0).size() == 6000);
}

TEST_CASE("files that are no PyTorch checkpoint are refused with what they are") {
  const scratch s;
  s.refused("", "m.pt: expected a PyTorch checkpoint (zip or pickle), found an empty file");
  s.refused("<!DOCTYPE html><html>", "found an HTML page");
  s.refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "found a git-lfs pointer");
  s.refused(std::string(257, '\0') + "ustar" + std::string(250, '\0'), "found a tar archive (PyTorch before 0.1.9");
  s.refused(
      "\x7f"
      "ELF and so on",
      "found a file that begins with '\\x7fELF");
  s.refused(zip_builder{}.add({"word/document.xml", "x"}).finish(), "a zip archive without data.pkl");
  s.refused(zip_builder{}.add({"a/data.pkl", "x"}).add({"b/data.pkl", "x"}).finish(), "one data.pkl, found two");
  s.refused(zip_builder{}.add({"m/data.pkl", "x"}).add({"m/constants.pkl", "x"}).finish(), "a TorchScript archive");
  s.refused("\x80\2K\1.", "the magic number of a PyTorch checkpoint, found another pickle: the number 1");
}

TEST_CASE("a hostile pickle in a checkpoint is refused with file, entry, position and name") {
  const scratch s;
  s.refused(archive("\x80\2cos\nsystem\n" + text("true") + "\x85R."),
            "m.pt: m/data.pkl: byte 2: expected a global of a PyTorch checkpoint, found 'os.system'");
  s.refused(archive(dict_of("w", "cposix\nsystem\n" + text("true") + "\x85R")), "found 'posix.system'");
  s.refused("\x80\2cos\nsystem\n" + text("true") + "\x85R.", "m.pt: byte 2: expected a global");
  s.refused(archive("\x80\2]q\1h\1a."), "a checkpoint that holds a dict, found a list");
  s.refused(archive(std::string(1'000'000, ']') + "."), "a checkpoint that holds a dict, found a list");
  s.refused(archive(dict_of("w", "N") + "N"), "m.pt: m/data.pkl: byte 12: expected the end, found more bytes");
}

TEST_CASE("storages that are missing or of another size are refused") {
  const scratch s;
  s.refused(zip_builder{}.add({"m/data.pkl", dict_of("w", tensor(6, 0, {6}, {1}))}).finish(),
            "an entry m/data/0, found none");
  s.refused(archive(dict_of("w", tensor(5, 0, {5}, {1}))), "m/data/0: expected 20 bytes, found 24");
  s.refused(archive(dict_of("w", tensor(7, 0, {6}, {1}))), "m/data/0: expected 28 bytes, found 24");
  s.refused(archive(dict_of("w", tensor(INT64_MAX, 0, {6}, {1}))), "a storage size that fits 64 bits");
}

TEST_CASE("tensors that reach out of their storage are refused by name") {
  const scratch s;
  const auto refused = [&](std::int64_t offset, const std::vector<std::int64_t>& extents,
                           const std::vector<std::int64_t>& strides, std::string_view part) {
    s.refused(archive(dict_of("w", tensor(6, offset, extents, strides))), part);
  };
  refused(0, {7}, {1}, "m.pt: w: expected elements inside a storage of 6, found [7] with strides [1] from element 0");
  refused(1, {6}, {1}, "w: expected elements inside a storage of 6");
  refused(6, {1}, {1}, "w: expected elements inside a storage of 6");
  refused(6, {}, {}, "w: expected elements inside a storage of 6");
  refused(INT64_MAX, {2}, {INT64_MAX}, "w: expected elements inside a storage of 6");
  refused(0, {2, 3}, {4, 1}, "w: expected elements inside a storage of 6");
  refused(0, {3}, {INT64_MAX}, "w: expected elements inside a storage of 6");
  refused(0, {4, 4}, {INT64_MAX / 3, INT64_MAX / 3}, "w: expected elements inside a storage of 6");
  refused(-1, {6}, {1}, "w: expected an offset of at least 0, found -1");
  refused(0, {-6}, {1}, "w: expected extents of at least 0, found the number -6");
  refused(5, {6}, {-1}, "w: expected strides of at least 0, found the number -1");
  refused(0, {6}, {1, 1}, "w: expected 1 strides, found 2");
  refused(0, {INT64_MAX, INT64_MAX, 4}, {0, 0, 0}, "w: expected a size that fits 64 bits");
  refused(0, {INT64_MAX, 2}, {0, 0}, "w: expected a size that fits 64 bits");
  refused(0, {std::int64_t{1} << 60}, {0}, "elements that repeat each other");
  refused(0, std::vector<std::int64_t>(17, 1), std::vector<std::int64_t>(17, 1), "at most 16 axes");
}

TEST_CASE("only tensors and plain values with unique names make a state dict") {
  const scratch s;
  const std::string w = tensor(6, 0, {6}, {1});
  s.refused(archive("\x80\2}(" + text("w") + w + text("w") + w + "u."), "w: expected each name once, found it twice");
  s.refused(archive("\x80\2}K\1" + w + "s."), "strings as keys, found the number 1");
  s.refused(archive(dict_of("w", "]")), "w: expected a tensor or a plain value, found a list");
  s.refused(archive(dict_of("optimizer", "}")), "optimizer: expected a tensor or a plain value, found a dict");
  s.refused(archive("\x80\2}(" + text("model") + "}" + text("w") + w + "u."),
            "a plain value beside 'model', found a tensor");
  s.refused(archive("\x80\2}(" + text("model") + "}" + text("state_dict") + "}u."), "one state dict");
  s.refused(archive("\x80\2" + w + "."), "a checkpoint that holds a dict, found a tensor");
  CHECK(s.open(archive("\x80\2}(" + text("n") + "N" + text("f") + "ctorch\nfloat16\n" + text("w") + w + "u.")).size() ==
        1);
}

TEST_CASE("the byteorder entry says little or big") {
  const scratch s;
  const auto with = [&](std::string_view order) {
    return zip_builder{}
        .add({"m/data.pkl", dict_of("w", tensor(1, 0, {1}, {1}))})
        .add({"m/data/0", "abcd"})
        .add({"m/byteorder", std::string{order}})
        .finish();
  };
  CHECK(elements(s.open(with("little"))[0]) == "61626364");
  CHECK(elements(s.open(with("big"))[0]) == "64636261");
  s.refused(with("middle"), "m/byteorder: expected little or big, found 'middle'");
  s.refused(with(std::string(100, 'x')), "at most 16 bytes");
}

TEST_CASE("a legacy checkpoint whose storages do not fit the file is refused") {
  const scratch s;
  const std::string preamble = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}.";
  const std::string object = dict_of("w", tensor(2, 0, {2}, {1}));
  const auto keys = [](const std::string& items) { return "\x80\2](" + items + "e."; };
  const std::string whole = preamble + object + keys(text("0")) + little(2, 8) + "abcdefgh";
  CHECK(elements(s.open(whole)[0]) == "6162636465666768");
  s.refused(whole + "x", "the end of the file, found 1 more bytes");
  s.refused(whole.substr(0, whole.size() - 1), "8 + 8 bytes, found 15");
  s.refused(preamble + object + keys(text("0")) + little(3, 8) + "abcdefgh", "2 elements, found 3");
  s.refused(preamble + object + keys(""), "storage '0', found no such key");
  s.refused(preamble + object + keys(text("0") + text("0")) + little(2, 8) + "abcdefgh", "the key of a storage, once");
  s.refused(preamble + object + keys("N") + little(2, 8) + "abcdefgh", "the key of a storage, once, found None");
  s.refused(preamble + object + "\x80\2N.", "a list of storage keys");
  s.refused("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xea\3.",
            "protocol version 1001, found the number 1002");
}

TEST_CASE("looks_like_pytorch knows the two layouts by their first bytes") {
  const auto looks = [](std::string_view head) {
    return tulu::checkpoint::looks_like_pytorch(std::as_bytes(std::span{head}));
  };
  CHECK(looks("PK\3\4"));
  CHECK(looks("\x80\2"));
  CHECK(looks("\x80\5"));
  CHECK_FALSE(looks("\x80\6"));
  CHECK_FALSE(looks("\x80"));
  CHECK_FALSE(looks("PK\5\6"));
  CHECK_FALSE(looks(""));
  CHECK_FALSE(looks("GGUF"));
}

TEST_CASE("every truncation of a checkpoint is refused") {
  const scratch s;
  for (const std::string name : {"zip_nested", "legacy_nested"}) {
    const std::string bytes = tulu::test::read_file(data / (name + ".pt"));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(name);
      CAPTURE(length);
      CHECK_FALSE(s.error_of(bytes.substr(0, length)).empty());
    }
  }
}

TEST_CASE("every corruption of a byte of a checkpoint is refused or read, never worse") {
  const scratch s;
  std::size_t refused = 0;
  for (const std::string name : {"zip_nested", "legacy_nested"}) {
    const std::string bytes = tulu::test::read_file(data / (name + ".pt"));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (at >= 512 && at < bytes.size() - 512) continue;
      for (const int flip : {0x01, 0x20, 0xff}) {
        std::string copy = bytes;
        copy[at] = static_cast<char>(copy[at] ^ flip);
        const std::string message = tulu::test::message_of([&] { static_cast<void>(listing(s.open(copy))); });
        refused += message.empty() ? 0 : 1;
      }
    }
  }
  CHECK(refused > 1000);
}

}  // namespace pytorch_test
