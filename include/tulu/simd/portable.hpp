#pragma once

#include <cstddef>

#include <tulu/scalar/traits.hpp>
#include <tulu/simd/backend.hpp>

namespace tulu::simd {

/// Plain C++, one element at a time: runs everywhere, and says what the other backends must give bit for bit.
struct portable {
  static constexpr const char* name = "portable";
  static constexpr std::size_t lanes = 1;
  using f32 = float;

  template <weight_scalar T>
  [[nodiscard]] static f32 load(const T* from) noexcept {
    return to_float(*from);
  }
  template <weight_scalar T>
  static void store(T* to, f32 value) noexcept {
    *to = from_float<T>(value);
  }

  [[nodiscard]] static f32 add(f32 a, f32 b) noexcept { return a + b; }
  [[nodiscard]] static f32 sub(f32 a, f32 b) noexcept { return a - b; }
};

static_assert(backend<portable>);

}  // namespace tulu::simd
