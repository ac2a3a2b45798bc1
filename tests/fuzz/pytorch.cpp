// libFuzzer target: the bytes are a checkpoint. Whatever they are, reading it gives tensors or a tulu::error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <tulu/checkpoint/pytorch.hpp>

namespace {

/// A file in memory, and the path to open it by.
class memory_file {
 public:
  memory_file() : fd_{::memfd_create("checkpoint", MFD_CLOEXEC)} {
    if (fd_ < 0) std::abort();
  }
  [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  void assign(std::span<const std::uint8_t> bytes) const {
    const auto size = static_cast<::ssize_t>(bytes.size());
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, bytes.data(), bytes.size(), 0) != size) std::abort();
  }

 private:
  int fd_;
};

/// Reads some elements of each tensor: a reader that lets a bad layout through is caught here.
void read_elements(const tulu::checkpoint::stored_tensor& tensor) {
  constexpr std::size_t most = 4096;
  const std::size_t count = std::min(tensor.size(), most);
  std::vector<std::byte> out(count * size_of(tensor.type()));
  tensor.read(0, count, out);
  tensor.read(tensor.size() - count, count, out);
  static_cast<void>(tensor.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const memory_file file;
  file.assign({data, size});
  try {
    const auto source = std::make_shared<const tulu::checkpoint::tensor_file>(file.path());
    for (const auto& tensor : tulu::checkpoint::read_pytorch(source)) read_elements(tensor);
  } catch (const tulu::error&) {
  }
  return 0;
}
