#pragma once

#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/kernel/model_table.hpp>

namespace tulu::kernel {

/// All kernels of one backend, for types known at run time.
struct backend_table {
  const char* name;
  const elementwise_table* elementwise;
  const model_table* model;
};

namespace detail {

template <class Backend>
inline constexpr backend_table backend_entries{Backend::name, &entries<Backend>::table, &model_entries<Backend>};

}  // namespace detail

/// The tables of a backend whose instructions this translation unit is compiled for. Static constant data.
template <simd::backend Backend>
[[nodiscard]] const backend_table& backend_table_for() noexcept {
  return detail::backend_entries<Backend>;
}

}  // namespace tulu::kernel
