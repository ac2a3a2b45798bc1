// libFuzzer target: any bytes are a GGUF file that is read, or a tulu::error. What is read is described by the same
// bytes when it is written again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <tulu/checkpoint/gguf.hpp>
#include <tulu/checkpoint/gguf_config.hpp>
#include <tulu/checkpoint/gguf_writer.hpp>

namespace {

namespace checkpoint = tulu::checkpoint;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_elements(const checkpoint::stored_tensor& tensor) {
  const tulu::tensor copy = tensor.materialise();
  if (const auto view = tensor.view())
    require(std::equal(view->bytes.begin(), view->bytes.end(), copy.view().bytes.begin(), copy.view().bytes.end()));
}

/// The header is the same but for the version and the padding, for files that ggml too can hold.
void check_header(const checkpoint::gguf_contents& contents, std::string_view file) {
  std::vector<checkpoint::gguf_tensor> tensors;
  for (const checkpoint::stored_tensor& tensor : contents.tensors)
    tensors.push_back({tensor.name(), tensor.type(), tensor.extents()});
  const std::string header = checkpoint::plan_gguf(contents.metadata, tensors).header;
  const std::size_t filled = std::max<std::size_t>(header.find_last_not_of('\0') + 1, 8);
  require(filled <= file.size() && header.substr(8, filled - 8) == file.substr(8, filled - 8));
}

void read_values(const checkpoint::gguf_metadata& metadata) {
  for (const checkpoint::gguf_entry& entry : metadata.entries()) {
    require(metadata.find(entry.key) == &entry.value);
    static_cast<void>(describe(entry.value));
    if (!entry.value.is_array()) continue;
    static_cast<void>(entry.value.as_array<std::string_view>());
    static_cast<void>(entry.value.as_array<std::int64_t>());
  }
}

template <class Action>
void try_to(Action&& action) {
  try {
    action();
  } catch (const tulu::error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tulu::io::descriptor memory{::memfd_create("fuzz", MFD_CLOEXEC)};
  require(::write(memory.get(), data, size) == static_cast<::ssize_t>(size));
  const std::filesystem::path path = "/proc/self/fd/" + std::to_string(memory.get());
  try_to([&] {
    const auto contents = checkpoint::read_gguf(path);
    read_values(contents.metadata);
    for (const auto& tensor : contents.tensors) read_elements(tensor);
    try_to([&] { check_header(contents, {reinterpret_cast<const char*>(data), size}); });
    try_to([&] { static_cast<void>(checkpoint::gguf_llama_config(contents)); });
    const auto catalogue = checkpoint::gguf_catalogue(path, contents);
    for (const auto& tensor : catalogue.tensors()) read_elements(tensor);
  });
  return 0;
}
