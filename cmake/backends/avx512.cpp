#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/simd/xsimd.hpp>

namespace tulu::kernel {

// Declared in tulu/kernel/dispatch.hpp, which is not included: the inline functions there must not be compiled for
// this instruction set.
const elementwise_table& elementwise_avx512() noexcept;
const elementwise_table& elementwise_avx512() noexcept {
  return elementwise_for<simd::avx512>();
}

}  // namespace tulu::kernel
