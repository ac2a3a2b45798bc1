#pragma once

#include <array>
#include <cstddef>

#include <tulu/kernel/attention.hpp>
#include <tulu/kernel/gemm.hpp>
#include <tulu/kernel/gemv.hpp>
#include <tulu/kernel/rms_norm.hpp>
#include <tulu/kernel/rope.hpp>
#include <tulu/kernel/swiglu.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// The kernels of the forward pass for one backend, for types known at run time. See their own headers for what they
/// do; here pointers to elements of a type chosen by index are bytes.
struct model_table {
  template <class Function>
  using by_type = std::array<Function, 3>;  ///< indexed by f16, bf16, f32

  using to_element_function = void (*)(const float* in, std::byte* out, std::size_t n) noexcept;
  using to_float_function = void (*)(const std::byte* in, float* out, std::size_t n) noexcept;

  const char* backend;
  std::size_t tile_tokens;  ///< of pack_tokens and multiply_many
  by_type<multiply_few_function> multiply_few;
  by_type<multiply_many_function> multiply_many;
  pack_tokens_function pack_tokens;
  rms_norm_function rms_norm;
  rotate_function rotate;
  swiglu_function swiglu;
  by_type<attend_function> attend;  ///< over keys and values of the type
  by_type<to_element_function> from_float;
  by_type<to_float_function> to_float;

  [[nodiscard]] static constexpr std::size_t at(dtype type) noexcept {
    return static_cast<std::size_t>(type) - static_cast<std::size_t>(dtype::f16);
  }
};

namespace detail {

template <class Backend, class Element>
void convert_from_float(const float* in, std::byte* out, std::size_t n) noexcept {
  convert<Backend>(in, reinterpret_cast<Element*>(out), n);
}

template <class Backend, class Element>
void convert_to_float(const std::byte* in, float* out, std::size_t n) noexcept {
  convert<Backend>(reinterpret_cast<const Element*>(in), out, n);
}

template <class Backend>
inline constexpr model_table model_entries{
    Backend::name,
    tile_tokens<Backend>,
    {&multiply_few<Backend, f16>, &multiply_few<Backend, bf16>, &multiply_few<Backend, float>},
    {&multiply_many<Backend, f16>, &multiply_many<Backend, bf16>, &multiply_many<Backend, float>},
    &pack_tokens<Backend>,
    &kernel::rms_norm<Backend>,
    &kernel::rotate<Backend>,
    &kernel::swiglu<Backend>,
    {&attend<Backend, f16>, &attend<Backend, bf16>, &attend<Backend, float>},
    {&convert_from_float<Backend, f16>, &convert_from_float<Backend, bf16>, &convert_from_float<Backend, float>},
    {&convert_to_float<Backend, f16>, &convert_to_float<Backend, bf16>, &convert_to_float<Backend, float>}};

}  // namespace detail

/// The table of a backend whose instructions this translation unit is compiled for. Static constant data.
template <simd::backend Backend>
[[nodiscard]] const model_table& model_for() noexcept {
  return detail::model_entries<Backend>;
}

}  // namespace tulu::kernel
