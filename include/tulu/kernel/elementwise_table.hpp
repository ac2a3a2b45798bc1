#pragma once

#include <array>
#include <cstddef>

#include <tulu/kernel/elementwise.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// The kernels of elementwise.hpp for elements whose type is known at run time. Counts are elements; the pointers have
/// the alignment of their element.
struct elementwise_table {
  using binary = void (*)(const std::byte* a, const std::byte* b, std::byte* out, std::size_t n) noexcept;
  using unary = void (*)(const std::byte* in, std::byte* out, std::size_t n) noexcept;
  using accumulation = void (*)(const std::byte* row, double* sums, std::size_t n) noexcept;
  template <class Function>
  using by_type = std::array<Function, 3>;  ///< indexed by f16, bf16, f32

  const char* backend;
  by_type<by_type<by_type<binary>>> add;       ///< [a][b][out]
  by_type<by_type<by_type<binary>>> subtract;  ///< [a][b][out]
  by_type<by_type<unary>> convert;             ///< [in][out]
  by_type<accumulation> accumulate;

  /// The kernel for these types, each of which is_summable.
  [[nodiscard]] binary adder(dtype a, dtype b, dtype out) const noexcept { return add[at(a)][at(b)][at(out)]; }
  [[nodiscard]] binary subtractor(dtype a, dtype b, dtype out) const noexcept {
    return subtract[at(a)][at(b)][at(out)];
  }
  [[nodiscard]] unary converter(dtype in, dtype out) const noexcept { return convert[at(in)][at(out)]; }
  [[nodiscard]] accumulation accumulator(dtype row) const noexcept { return accumulate[at(row)]; }

 private:
  static constexpr std::size_t at(dtype type) noexcept {
    return static_cast<std::size_t>(type) - static_cast<std::size_t>(dtype::f16);
  }
  static_assert(static_cast<int>(dtype::bf16) == static_cast<int>(dtype::f16) + 1);
  static_assert(static_cast<int>(dtype::f32) == static_cast<int>(dtype::f16) + 2);
};

namespace detail {

template <class Backend, class A, class B, class Out>
void add_bytes(const std::byte* a, const std::byte* b, std::byte* out, std::size_t n) noexcept {
  add<Backend>(reinterpret_cast<const A*>(a), reinterpret_cast<const B*>(b), reinterpret_cast<Out*>(out), n);
}

template <class Backend, class A, class B, class Out>
void subtract_bytes(const std::byte* a, const std::byte* b, std::byte* out, std::size_t n) noexcept {
  subtract<Backend>(reinterpret_cast<const A*>(a), reinterpret_cast<const B*>(b), reinterpret_cast<Out*>(out), n);
}

template <class Backend, class In, class Out>
void convert_bytes(const std::byte* in, std::byte* out, std::size_t n) noexcept {
  convert<Backend>(reinterpret_cast<const In*>(in), reinterpret_cast<Out*>(out), n);
}

template <class Backend, class T>
void accumulate_bytes(const std::byte* row, double* sums, std::size_t n) noexcept {
  accumulate<Backend>(reinterpret_cast<const T*>(row), sums, n);
}

/// The entries of the table for one backend, as compile-time data.
template <class Backend>
struct entries {
  template <class Function>
  using by_type = elementwise_table::by_type<Function>;
  using binary = elementwise_table::binary;

  template <class A, class B>
  static constexpr by_type<binary> add_to{&add_bytes<Backend, A, B, f16>, &add_bytes<Backend, A, B, bf16>,
                                          &add_bytes<Backend, A, B, float>};
  template <class A>
  static constexpr by_type<by_type<binary>> add_with{add_to<A, f16>, add_to<A, bf16>, add_to<A, float>};

  template <class A, class B>
  static constexpr by_type<binary> subtract_to{
      &subtract_bytes<Backend, A, B, f16>, &subtract_bytes<Backend, A, B, bf16>, &subtract_bytes<Backend, A, B, float>};
  template <class A>
  static constexpr by_type<by_type<binary>> subtract_with{subtract_to<A, f16>, subtract_to<A, bf16>,
                                                          subtract_to<A, float>};

  template <class In>
  static constexpr by_type<elementwise_table::unary> convert_to{
      &convert_bytes<Backend, In, f16>, &convert_bytes<Backend, In, bf16>, &convert_bytes<Backend, In, float>};

  static constexpr elementwise_table table{
      Backend::name,
      {add_with<f16>, add_with<bf16>, add_with<float>},
      {subtract_with<f16>, subtract_with<bf16>, subtract_with<float>},
      {convert_to<f16>, convert_to<bf16>, convert_to<float>},
      {&accumulate_bytes<Backend, f16>, &accumulate_bytes<Backend, bf16>, &accumulate_bytes<Backend, float>}};
};

}  // namespace detail

/// The table of a backend whose instructions this translation unit is compiled for. Static constant data.
template <simd::backend Backend>
[[nodiscard]] const elementwise_table& elementwise_for() noexcept {
  return detail::entries<Backend>::table;
}

}  // namespace tulu::kernel
