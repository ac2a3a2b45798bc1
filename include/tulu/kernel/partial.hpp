#pragma once

#include <cstddef>
#include <cstring>

namespace tulu::kernel::detail {

/// Fewer elements than a register holds, by way of a full register; the rest is zero. No scalar code here: its symbols
/// would not carry the backend's name.
template <class Backend, class T>
[[nodiscard]] typename Backend::f32 load_some(const T* from, std::size_t n) noexcept {
  T elements[Backend::lanes] = {};
  std::memcpy(elements, from, n * sizeof(T));
  return Backend::load(elements);
}

template <class Backend, class T>
void store_some(T* to, std::size_t n, typename Backend::f32 value) noexcept {
  T elements[Backend::lanes];
  Backend::store(elements, value);
  std::memcpy(to, elements, n * sizeof(T));
}

}  // namespace tulu::kernel::detail
