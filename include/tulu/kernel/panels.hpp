#pragma once

#include <cstddef>

#include <tulu/kernel/panel_format.hpp>
#include <tulu/kernel/panel_reader.hpp>
#include <tulu/simd/portable.hpp>
#include <tulu/tensor/dtype.hpp>

// Panels of weights whose type is known at run time; see panel_format.
namespace tulu::kernel {

namespace detail {

/// Calls body with a pointer to the type of the weights, which is null. A type that is in no panel gives the result's
/// default.
template <class Body>
auto with_panel_type(dtype type, Body&& body) {
  switch (type) {
    case dtype::q4_0:
      return body(static_cast<const q4_0*>(nullptr));
    case dtype::q4_1:
      return body(static_cast<const q4_1*>(nullptr));
    case dtype::q5_0:
      return body(static_cast<const q5_0*>(nullptr));
    case dtype::q5_1:
      return body(static_cast<const q5_1*>(nullptr));
    case dtype::q8_0:
      return body(static_cast<const q8_0*>(nullptr));
    case dtype::q4_k:
      return body(static_cast<const q4_k*>(nullptr));
    case dtype::q5_k:
      return body(static_cast<const q5_k*>(nullptr));
    case dtype::q6_k:
      return body(static_cast<const q6_k*>(nullptr));
    default:
      return decltype(body(static_cast<const q4_0*>(nullptr)))();
  }
}

/// Row `row` of a panel, as decode gives it.
template <class Weight>
void unpack_panel_row(const std::byte* panel, std::size_t columns, std::size_t row, float* out) noexcept {
  using format = panel_format<Weight>;
  using reader = panel_reader<simd::portable, Weight>;
  constexpr std::size_t groups = Weight::block / panel_group, quads_of_part = format::scale_columns / 4;
  const std::byte* const scales = panel + columns / panel_group * format::level_bytes;
  for (std::size_t at = 0; at < columns / panel_group; ++at, panel += format::level_bytes) {
    const std::byte* const own = scales + at / groups * format::scale_bytes;
    simd::portable::bytes quads[8];
    reader::load_levels(panel, row, quads);
    for (std::size_t k = 0; k < panel_group; ++k, ++out) {
      const float scale = reader::scale(own, at % groups, k / 4 / quads_of_part, row);
      *out = static_cast<float>(quads[k / 4][k % 4] - format::middle) * scale;
      if constexpr (format::has_offset) *out += reader::offset(own, at % groups, row);
    }
  }
}

}  // namespace detail

/// Whether weights of this type can lie in panels.
[[nodiscard]] constexpr bool has_panels(dtype type) noexcept {
  return is_block_type(type) && type != dtype::iq4_nl;
}

/// Bytes of the panels of `rows` rows of `columns` weights, the last panel as large as the others.
[[nodiscard]] inline std::size_t panels_bytes(dtype type, std::size_t rows, std::size_t columns) noexcept {
  return detail::with_panel_type(type, [&]<class Weight>(const Weight*) {
    return (rows + panel_rows - 1) / panel_rows * panel_bytes<Weight>(columns);
  });
}

/// Packs `rows` rows that lie one after the other into the panels from `panels` on; rows absent in the last are zero.
inline void pack_panels(dtype type, const std::byte* weights, std::size_t rows, std::size_t columns,
                        std::byte* panels) noexcept {
  detail::with_panel_type(type, [&]<class Weight>(const Weight*) {
    const auto* const blocks = reinterpret_cast<const Weight*>(weights);
    for (std::size_t first = 0; first < rows; first += panel_rows, panels += panel_bytes<Weight>(columns)) {
      const std::size_t present = rows - first < panel_rows ? rows - first : panel_rows;
      pack_panel(blocks + first * (columns / Weight::block), present, columns, panels);
    }
    return 0;
  });
}

/// Row `row` of the matrix in panels, as floats.
inline void unpack_row(dtype type, const std::byte* panels, std::size_t columns, std::size_t row, float* out) noexcept {
  detail::with_panel_type(type, [&]<class Weight>(const Weight*) {
    detail::unpack_panel_row<Weight>(panels + row / panel_rows * panel_bytes<Weight>(columns), columns,
                                     row % panel_rows, out);
    return 0;
  });
}

}  // namespace tulu::kernel
