#pragma once

#include <cstddef>

namespace tulu::test {

/// How often operator new was called so far, by any thread.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace tulu::test
