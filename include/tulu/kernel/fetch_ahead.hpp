#pragma once

#include <cstddef>
#include <cstdint>

namespace tulu::kernel::detail {

/// Asks for the cache line `ahead` bytes behind `from` in the level-2 cache. An address beyond the memory does no harm.
/// Inlined, for g++ drops calls of functions that do nothing else.
[[gnu::always_inline]] inline void fetch_ahead(const void* from, std::size_t ahead) noexcept {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + ahead), 0, 2);
}

}  // namespace tulu::kernel::detail
