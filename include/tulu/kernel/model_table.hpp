#pragma once

#include <array>
#include <concepts>
#include <cstddef>

#include <tulu/kernel/attention.hpp>
#include <tulu/kernel/gemm.hpp>
#include <tulu/kernel/gemv.hpp>
#include <tulu/kernel/kv_panels.hpp>
#include <tulu/kernel/panel_form.hpp>
#include <tulu/kernel/panel_gemm.hpp>
#include <tulu/kernel/panel_gemv.hpp>
#include <tulu/kernel/rms_norm.hpp>
#include <tulu/kernel/rope.hpp>
#include <tulu/kernel/swiglu.hpp>
#include <tulu/kernel/token_groups.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// The kernels of the forward pass for one backend, for types known at run time. See their own headers for what they
/// do; here pointers to elements of a type chosen by index are bytes.
struct model_table {
  template <class Function>
  using by_type = std::array<Function, 3>;  ///< indexed by f16, bf16, f32
  template <class Function>
  using by_cache = std::array<Function, 4>;  ///< the same, then q8_0: the types of keys and values
  template <class Function>
  using by_weight = std::array<Function, 12>;  ///< the same, then the block types

  using to_float_function = void (*)(const std::byte* in, float* out, std::size_t n) noexcept;

  const char* backend;
  std::size_t tile_tokens;  ///< of pack_tokens and multiply_many
  std::size_t block_rows;   ///< that multiply_many takes at most
  std::size_t many_rows;    ///< that panels_times_many takes at most
  by_weight<multiply_few_function> multiply_few;
  by_weight<multiply_many_function> multiply_many;
  by_type<pack_tokens_function> pack_tokens;                    ///< null for f16
  by_weight<panels_times_few_function> panels_times_few;        ///< null: weights of the type lie in rows only
  by_weight<panels_times_many_function> panels_times_many;      ///< null where panels_times_few is
  by_weight<dtype> row_product;                                 ///< what multiply_many wants tokens packed as
  by_weight<panel_form> few_form;                               ///< words or bytes: what panels_times_few takes
  by_weight<panel_form> panel_product;                          ///< what panels_times_many wants tokens packed as
  std::array<group_tokens_function, panel_forms> group_tokens;  ///< null for forms that no weight here takes
  std::array<pack_many_function, panel_forms> pack_many;        ///< the same
  rms_norm_function rms_norm;
  rotate_function rotate;
  swiglu_function swiglu;
  by_cache<store_function> store_key_value;
  by_cache<attend_function> attend;
  by_weight<to_float_function> to_float;

  /// Whether weights may lie in panels: then every type that has_panels has its kernels.
  [[nodiscard]] bool has_panels() const noexcept { return panels_times_few[at(dtype::q8_0)] != nullptr; }

  /// The place of a type, or of a form, in its arrays.
  [[nodiscard]] static constexpr std::size_t at(dtype type) noexcept {
    const auto index = [](dtype of) { return static_cast<std::size_t>(of); };
    return type < dtype::q4_0 ? index(type) - index(dtype::f16) : 3 + index(type) - index(dtype::q4_0);
  }
  [[nodiscard]] static constexpr std::size_t at(panel_form form) noexcept { return static_cast<std::size_t>(form); }
  [[nodiscard]] static constexpr std::size_t cache_at(dtype type) noexcept {
    return type == dtype::q8_0 ? 3 : at(type);
  }
};

namespace detail {

template <class Backend, class Weight>
void convert_to_float(const std::byte* in, float* out, std::size_t n) noexcept {
  widen<Backend>(reinterpret_cast<const Weight*>(in), 0, out, n);
}

/// The kernels over weights, in the order of model_table::at.
template <class Backend, class... Weights>
struct weight_entries {
  template <class Function>
  using by_weight = model_table::by_weight<Function>;
  static constexpr by_weight<multiply_few_function> few{&multiply_few<Backend, Weights>...};
  static constexpr by_weight<multiply_many_function> many{&multiply_many<Backend, Weights>...};
  static constexpr by_weight<model_table::to_float_function> to_float{&convert_to_float<Backend, Weights>...};

  template <class Weight>
  static constexpr panels_times_few_function few_of() noexcept {
    if constexpr (panel_weight<Weight> && !has_multiply<Backend>) return &panels_times_few<Backend, Weight>;
    return nullptr;
  }
  template <class Weight>
  static constexpr panels_times_many_function many_of() noexcept {
    if constexpr (panel_weight<Weight> && !has_multiply<Backend>) return &panels_times_many<Backend, Weight>;
    return nullptr;
  }
  static constexpr by_weight<panels_times_few_function> panels_few{few_of<Weights>()...};
  static constexpr by_weight<panels_times_many_function> panels_many{many_of<Weights>()...};
  template <class Scalar>
  static constexpr dtype type_of = std::same_as<Scalar, float> ? dtype::f32 : dtype::bf16;
  static constexpr by_weight<dtype> row_products{type_of<product_scalar<Backend, Weights>>...};

  template <class Weight>
  static constexpr panel_form few_form() noexcept {
    if constexpr (panel_weight<Weight>) return few_form_of<Backend, Weight>;
    return panel_form::bytes;
  }
  static constexpr by_weight<panel_form> few_forms{few_form<Weights>()...};
  template <class Weight>
  static constexpr panel_form product_of() noexcept {
    if constexpr (panel_weight<Weight>) return form_of<Backend, Weight>;
    return panel_form::f32;
  }
  static constexpr by_weight<panel_form> panel_products{product_of<Weights>()...};
  template <panel_form Form>
  static constexpr bool takes = ((panel_weight<Weights> && product_of<Weights>() == Form) || ...);
  static_assert(block_rows<Backend> <= many_rows<Backend> && block_rows<Backend> % panel_rows == 0,
                "layers of either layout are multiplied by the same ranges of rows");
  static_assert(!(takes<panel_form::f32> && takes<panel_form::words>), "they share a place in the workspace");
  static_assert(!(takes<panel_form::bf16> && takes<panel_form::bytes>), "they share a place in the workspace");
  template <bool Words>
  static constexpr group_tokens_function group_of() noexcept {
    if constexpr (has_multiply<Backend> || (Words && !has_word_products<Backend>))
      return nullptr;
    else
      return &group_tokens<Backend, Words>;
  }
  template <panel_form Form>
  static constexpr pack_many_function pack_of() noexcept {
    if constexpr (takes<Form> && !has_multiply<Backend>) return &pack_many<Backend, Form>;
    return nullptr;
  }
};
template <class Backend>
using all_weights = weight_entries<Backend, f16, bf16, float, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, iq4_nl>;

template <class Backend>
inline constexpr model_table model_entries{
    Backend::name,
    tile_tokens<Backend>,
    kernel::block_rows<Backend>,
    kernel::many_rows<Backend>,
    all_weights<Backend>::few,
    all_weights<Backend>::many,
    {nullptr, &pack_tokens<Backend, bf16>, &pack_tokens<Backend, float>},
    all_weights<Backend>::panels_few,
    all_weights<Backend>::panels_many,
    all_weights<Backend>::row_products,
    all_weights<Backend>::few_forms,
    all_weights<Backend>::panel_products,
    {nullptr, nullptr, all_weights<Backend>::template group_of<true>(),
     all_weights<Backend>::template group_of<false>()},
    {all_weights<Backend>::template pack_of<panel_form::f32>(),
     all_weights<Backend>::template pack_of<panel_form::bf16>(),
     all_weights<Backend>::template pack_of<panel_form::words>(),
     all_weights<Backend>::template pack_of<panel_form::bytes>()},
    &kernel::rms_norm<Backend>,
    &kernel::rotate<Backend>,
    &kernel::swiglu<Backend>,
    {&store_key_value<Backend, f16>, &store_key_value<Backend, bf16>, &store_key_value<Backend, float>,
     &store_key_value<Backend, q8_0>},
    {&attend<Backend, f16>, &attend<Backend, bf16>, &attend<Backend, float>, &attend<Backend, q8_0>},
    all_weights<Backend>::to_float};

}  // namespace detail

/// The table of a backend whose instructions this translation unit is compiled for. Static constant data.
template <simd::backend Backend>
[[nodiscard]] const model_table& model_for() noexcept {
  return detail::model_entries<Backend>;
}

}  // namespace tulu::kernel
