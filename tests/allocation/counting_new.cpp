// The global operator new, counting. Not in main.cpp: g++ sees it and operator delete apart there and warns.
#include "counting_new.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count = 0;

void* counted(std::size_t size, std::size_t alignment) {
  count.fetch_add(1);
  const std::size_t blocks = size == 0 ? 1 : (size + alignment - 1) / alignment;
  if (void* const memory = std::aligned_alloc(alignment, blocks * alignment)) return memory;
  throw std::bad_alloc{};
}

}  // namespace

std::size_t tulu::test::allocations() noexcept {
  return count.load();
}

void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
