// libFuzzer target: any bytes are a safetensors file that is read, or a tulu::error. What is read is written again
// with the same meaning.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <tulu/checkpoint/safetensors.hpp>

namespace {

namespace checkpoint = tulu::checkpoint;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_contents(const checkpoint::safetensors_contents& contents, std::size_t file_size) {
  std::size_t covered = contents.header_bytes;
  std::vector<checkpoint::safetensors_entry> entries;
  for (const checkpoint::stored_tensor& tensor : contents.tensors) {
    require(tensor.layout().offset == covered);
    covered += tensor.bytes();
    require(covered <= file_size);
    const tulu::tensor copy = tensor.materialise();
    if (const auto view = tensor.view())
      require(std::equal(view->bytes.begin(), view->bytes.end(), copy.view().bytes.begin(), copy.view().bytes.end()));
    entries.push_back({tensor.name(), tensor.type(), tensor.extents()});
  }
  require(covered == file_size);
  require(checkpoint::format_safetensors_header(entries, contents.metadata).size() % 64 == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tulu::io::descriptor memory{::memfd_create("fuzz", MFD_CLOEXEC)};
  require(::write(memory.get(), data, size) == static_cast<::ssize_t>(size));
  const auto source = std::make_shared<const checkpoint::tensor_file>("/proc/self/fd/" + std::to_string(memory.get()));
  try {
    check_contents(checkpoint::read_safetensors(source), size);
  } catch (const tulu::error&) {
  }
  return 0;
}
