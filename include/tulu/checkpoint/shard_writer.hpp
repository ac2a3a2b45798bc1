#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/channel.hpp>
#include <tulu/io/atomic_file.hpp>
#include <tulu/io/sha256.hpp>

namespace tulu::checkpoint {

using sha256_digest = std::array<std::byte, 32>;

/// The hashes of one safetensors file: of all its bytes, and of the data of each tensor in the order of the data.
struct shard_digest {
  sha256_digest file{};
  std::vector<sha256_digest> tensors{};
};

/// Feeds the bytes of one safetensors file, front to back, into the hash of the file and of the tensor they belong to.
class shard_hasher {
 public:
  explicit shard_hasher(const io::sha256_functions& functions) : functions_{functions}, file_{functions} {}

  void update(std::span<const std::byte> bytes) {
    if (tensor_) {
      io::update_pair(file_, *tensor_, bytes);
    } else {
      file_.update(bytes);
    }
  }
  void begin_tensor() {
    end_tensor();
    tensor_.emplace(functions_);
  }
  [[nodiscard]] shard_digest finish() {
    end_tensor();
    digest_.file = file_.finish();
    return std::move(digest_);
  }

 private:
  void end_tensor() {
    if (tensor_) digest_.tensors.push_back(tensor_->finish());
    tensor_.reset();
  }

  io::sha256_functions functions_;
  io::sha256 file_;
  std::optional<io::sha256> tensor_;
  shard_digest digest_;
};

/// Streams one safetensors file to its partial name. The caller fills the room it is given; a thread hashes what is
/// full, others write it, so that computing, hashing and the disk overlap. Memory: `windows` × `window_bytes`.
class shard_writer {
 public:
  static constexpr std::size_t window_bytes = std::size_t{4} << 20;
  static constexpr std::size_t windows = 6;
  static constexpr std::size_t writers = 3;  ///< threads that write

  /// `prefix` is everything before the data; `bytes` the size of the whole file.
  shard_writer(const std::filesystem::path& target, std::string_view prefix, std::size_t bytes,
               const io::sha256_functions& functions)
      : file_{target, bytes}, hasher_{functions} {
    for (std::size_t i = 0; i < windows; ++i) free_.push(window{aligned_buffer{window_bytes}, 0, 0, {}});
    hashing_ = std::thread{[this] { hash_all(); }};
    try {
      for (std::thread& writing : writing_) writing = std::thread{[this] { write_all(); }};
      append(std::as_bytes(std::span{prefix}));
    } catch (...) {
      close();
      throw;
    }
  }
  shard_writer(const shard_writer&) = delete;
  shard_writer& operator=(const shard_writer&) = delete;
  ~shard_writer() { close(); }

  /// What follows belongs to the next tensor.
  void begin_tensor() {
    refill();
    current_->tensor_starts.push_back(current_->fill);
  }

  /// Where the next bytes go: never empty. Waits until the disk has made room; throws what stopped the writing.
  [[nodiscard]] std::span<std::byte> room() {
    refill();
    return current_->buffer.bytes().subspan(current_->fill);
  }

  /// The first `count` bytes of `room()` are filled.
  void advance(std::size_t count) noexcept { current_->fill += count; }

  void append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto target = room();
      const std::size_t count = std::min(target.size(), bytes.size());
      std::memcpy(target.data(), bytes.data(), count);
      advance(count);
      bytes = bytes.subspan(count);
    }
  }

  /// Ends the file: all bytes are on disk under the partial name when this returns.
  [[nodiscard]] shard_digest finish() {
    if (current_) send();
    close();
    rethrow();
    file_.finish(tail_.offset, {tail_.buffer.data(), tail_.fill});
    return hasher_.finish();
  }

 private:
  struct window {
    aligned_buffer buffer;
    std::size_t offset;  ///< in the file
    std::size_t fill;
    std::vector<std::size_t> tensor_starts;  ///< positions at which the next tensor begins
  };

  void refill() {
    if (current_ && current_->fill < window_bytes) return;
    if (current_) send();
    current_ = free_.pop();
    rethrow();
    current_->offset = sent_;
    current_->fill = 0;
    current_->tensor_starts.clear();
  }

  void send() {
    sent_ += current_->fill;
    to_hash_.push(*std::exchange(current_, std::nullopt));
  }

  void hash_all() noexcept {
    while (auto item = to_hash_.pop()) {
      try {
        hash(*item);
        if (item->fill == window_bytes) {
          to_write_.push(std::move(*item));
        } else {
          tail_ = std::move(*item);
        }
      } catch (...) {
        fail();
      }
    }
    to_write_.close();
  }

  void hash(const window& item) {
    const std::span<const std::byte> bytes{item.buffer.data(), item.fill};
    std::size_t done = 0;
    for (const std::size_t start : item.tensor_starts) {
      hasher_.update(bytes.subspan(done, start - done));
      hasher_.begin_tensor();
      done = start;
    }
    hasher_.update(bytes.subspan(done));
  }

  void write_all() noexcept {
    while (auto item = to_write_.pop()) {
      try {
        if (!failed()) file_.write_blocks(item->offset, {item->buffer.data(), item->fill});
        free_.push(std::move(*item));
      } catch (...) {
        fail();
      }
    }
  }

  void fail() noexcept {
    {
      const std::lock_guard lock{mutex_};
      if (!failure_) failure_ = std::current_exception();
    }
    free_.close();
  }

  [[nodiscard]] bool failed() {
    const std::lock_guard lock{mutex_};
    return failure_ != nullptr;
  }

  void rethrow() {
    const std::lock_guard lock{mutex_};
    if (failure_) std::rethrow_exception(failure_);
  }

  void close() noexcept {
    to_hash_.close();
    if (hashing_.joinable()) hashing_.join();
    to_write_.close();
    for (std::thread& writing : writing_)
      if (writing.joinable()) writing.join();
  }

  io::partial_file file_;
  shard_hasher hasher_;
  channel<window> free_;
  channel<window> to_hash_;
  channel<window> to_write_;
  std::optional<window> current_;
  window tail_{};  ///< the last one, when it is not full
  std::size_t sent_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::thread hashing_;
  std::array<std::thread, writers> writing_;
};

}  // namespace tulu::checkpoint
