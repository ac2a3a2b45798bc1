#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace tulu::io {

/// The SHA-256 compression function for `count` consecutive blocks of 64 bytes, and the same for two independent
/// states over two streams of equal length, which a processor can work on at the same time. `data` needs no alignment.
struct sha256_functions {
  void (*blocks)(std::uint32_t state[8], const std::byte* data, std::size_t count) noexcept;
  void (*blocks_pair)(std::uint32_t* a, const std::byte* data_a, std::uint32_t* b, const std::byte* data_b,
                      std::size_t count) noexcept;
};

namespace detail {

alignas(16) inline constexpr std::uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

[[nodiscard]] constexpr std::uint32_t load_big_endian(const std::byte* data) noexcept {
  return (std::to_integer<std::uint32_t>(data[0]) << 24) | (std::to_integer<std::uint32_t>(data[1]) << 16) |
         (std::to_integer<std::uint32_t>(data[2]) << 8) | std::to_integer<std::uint32_t>(data[3]);
}

constexpr void store_big_endian(std::uint64_t value, std::byte* out, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
}

constexpr void sha256_block(std::uint32_t* state, const std::byte* data) noexcept {
  std::uint32_t w[64] = {};
  for (std::size_t i = 0; i < 16; ++i) w[i] = load_big_endian(data + 4 * i);
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  std::uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const std::uint32_t sums[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += sums[i];
}

constexpr void sha256_blocks(std::uint32_t* state, const std::byte* data, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) sha256_block(state, data + 64 * i);
}

constexpr void sha256_blocks_pair(std::uint32_t* a, const std::byte* data_a, std::uint32_t* b, const std::byte* data_b,
                                  std::size_t count) noexcept {
  sha256_blocks(a, data_a, count);
  sha256_blocks(b, data_b, count);
}

}  // namespace detail

/// SHA-256 in plain C++: what everything else is compared with. simd/sha256.hpp has faster functions.
inline constexpr sha256_functions portable_sha256{&detail::sha256_blocks, &detail::sha256_blocks_pair};

/// A SHA-256 in progress. Copies go on independently.
class sha256 {
 public:
  static constexpr std::size_t block_size = 64;
  using digest = std::array<std::byte, 32>;

  explicit sha256(const sha256_functions& functions = portable_sha256) noexcept : functions_{functions} {}

  void update(std::span<const std::byte> data) noexcept {
    data = fill_block(data);
    const std::size_t blocks = data.size() / block_size;
    if (blocks != 0) run_blocks(data.data(), blocks);
    keep(data.subspan(blocks * block_size));
  }

  /// The digest of everything so far. More data may follow.
  [[nodiscard]] digest finish() const noexcept {
    sha256 last = *this;
    const std::uint64_t bits = length_ * 8;
    std::array<std::byte, 2 * block_size> padding{std::byte{0x80}};
    const std::size_t zeros_end = (pending() < block_size - 8 ? block_size : 2 * block_size) - 8 - pending();
    detail::store_big_endian(bits, padding.data() + zeros_end, 8);
    last.update(std::span{padding}.first(zeros_end + 8));
    digest out{};
    for (std::size_t i = 0; i < 8; ++i) detail::store_big_endian(last.state_[i], out.data() + 4 * i, 4);
    return out;
  }

  friend void update_pair(sha256& a, sha256& b, std::span<const std::byte> data) noexcept;

 private:
  /// Bytes that wait in `block_` for the rest of their block.
  [[nodiscard]] std::size_t pending() const noexcept { return static_cast<std::size_t>(length_ % block_size); }

  /// Takes what an unfinished block still lacks and returns the rest. Afterwards nothing is pending, or the rest is
  /// empty.
  std::span<const std::byte> fill_block(std::span<const std::byte> data) noexcept {
    const std::size_t held = pending();
    if (held == 0 || data.empty()) return data;
    const std::size_t taken = std::min(block_size - held, data.size());
    std::memcpy(block_.data() + held, data.data(), taken);
    length_ += taken;
    if (pending() == 0) functions_.blocks(state_.data(), block_.data(), 1);
    return data.subspan(taken);
  }

  void run_blocks(const std::byte* data, std::size_t count) noexcept {
    functions_.blocks(state_.data(), data, count);
    length_ += count * block_size;
  }

  void keep(std::span<const std::byte> rest) noexcept {
    if (!rest.empty()) std::memcpy(block_.data(), rest.data(), rest.size());
    length_ += rest.size();
  }

  sha256_functions functions_;
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, block_size> block_{};
  std::uint64_t length_ = 0;
};

/// a.update(data) and b.update(data) in one go: the two hashes share the processor (`a`'s `blocks_pair`), which takes
/// little longer than one of them. `a` and `b` are different objects; their earlier lengths may differ.
inline void update_pair(sha256& a, sha256& b, std::span<const std::byte> data) noexcept {
  std::span<const std::byte> rest_a = a.fill_block(data);
  std::span<const std::byte> rest_b = b.fill_block(data);
  const std::size_t blocks = std::min(rest_a.size(), rest_b.size()) / sha256::block_size;
  if (blocks != 0) {
    a.functions_.blocks_pair(a.state_.data(), rest_a.data(), b.state_.data(), rest_b.data(), blocks);
    a.length_ += blocks * sha256::block_size;
    b.length_ += blocks * sha256::block_size;
  }
  a.update(rest_a.subspan(blocks * sha256::block_size));
  b.update(rest_b.subspan(blocks * sha256::block_size));
}

/// Two lower-case digits a byte.
[[nodiscard]] inline std::string to_hex(std::span<const std::byte> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace tulu::io
