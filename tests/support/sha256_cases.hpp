#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/io/sha256.hpp>

namespace tulu::test {

struct sha256_case {
  std::string text;
  std::string_view hex;
};

/// FIPS 180-4 examples and lengths around the padding's edges (from Python's hashlib).
inline std::vector<sha256_case> sha256_cases() {
  return {{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
          {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
          {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
          {std::string(55, 'x'), "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072"},
          {std::string(56, 'x'), "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e"},
          {std::string(63, 'x'), "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2"},
          {std::string(64, 'x'), "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c"},
          {std::string(65, 'x'), "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9"},
          {std::string(119, 'x'), "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c"},
          {std::string(120, 'x'), "13f05a0b594787f5ecd315edc96141bd3243203d1b7d4f0836f37308b276ba98"},
          {std::string(128, 'x'), "24da1b81d0b16df6428eee73c69fcb2a93c76bc6df706f0c6670fe6bfe800464"},
          {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
}

/// Bytes without a short period.
inline std::vector<std::byte> varied_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  unsigned state = 12345;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((state = state * 1103515245u + 12345u) >> 23);
  return bytes;
}

inline std::string sha256_hex(const io::sha256_functions& functions, std::span<const std::byte> data) {
  io::sha256 hash{functions};
  hash.update(data);
  return io::to_hex(hash.finish());
}

/// Known answers, cuts at every place, and pairs at every two block phases.
inline void check_sha256(const io::sha256_functions& functions) {
  for (const sha256_case& known : sha256_cases())
    CHECK(sha256_hex(functions, std::as_bytes(std::span{known.text})) == known.hex);

  const std::vector<std::byte> data = varied_bytes(300);
  const std::string whole = sha256_hex(io::portable_sha256, data);
  for (std::size_t cut = 0; cut <= data.size(); ++cut) {
    io::sha256 hash{functions};
    hash.update(std::span{data}.first(cut));
    hash.update(std::span{data}.subspan(cut));
    CHECK(io::to_hex(hash.finish()) == whole);
  }
}

inline void check_sha256_pairs(const io::sha256_functions& functions) {
  const std::vector<std::byte> bytes = varied_bytes(400);
  const std::span data{bytes};
  std::size_t wrong = 0;
  for (std::size_t phase_a = 0; phase_a < 64; phase_a += 3) {
    for (std::size_t phase_b = 0; phase_b < 64; ++phase_b) {
      for (const std::size_t size : {0u, 1u, 63u, 64u, 127u, 200u, 270u}) {
        io::sha256 a{functions}, b{functions};
        io::sha256 expected_a, expected_b;
        a.update(data.first(phase_a)), expected_a.update(data.first(phase_a));
        b.update(data.last(phase_b)), expected_b.update(data.last(phase_b));
        update_pair(a, b, data.subspan(7, size));
        expected_a.update(data.subspan(7, size)), expected_b.update(data.subspan(7, size));
        wrong += a.finish() != expected_a.finish();
        wrong += b.finish() != expected_b.finish();
      }
    }
  }
  CHECK(wrong == 0);
}

}  // namespace tulu::test
