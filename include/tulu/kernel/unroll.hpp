#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace tulu::kernel::detail {

/// Calls body with std::integral_constant 0 to Count - 1: a loop that no compiler leaves as one, so that arrays of
/// registers indexed in it are registers.
template <std::size_t Count, class Body>
[[gnu::always_inline]] inline void unroll(Body&& body) noexcept {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) __attribute__((always_inline)) {
    (body(std::integral_constant<std::size_t, Index>{}), ...);
  }
  (std::make_index_sequence<Count>{});
}

}  // namespace tulu::kernel::detail
