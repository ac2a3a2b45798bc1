#pragma once

#include <cstddef>

#include <tulu/scalar/eigen.hpp>
#include <tulu/simd/native.hpp>

namespace tulu::simd {

/// The operations of another backend, and Eigen's product of matrices for many tokens.
template <backend Vector>
struct eigen_over : Vector {
  static constexpr const char* name = "eigen";
  /// The largest block for which Eigen packs on the stack: it allocates nothing and throws nothing.
  static constexpr std::size_t tile_rows = 48;
  static constexpr std::size_t tile_registers = 64 / Vector::lanes;

  /// out[r][t] = Σ_k weights[r][k] × tokens[k][t], or that added to out. Rows of weights are `weight_stride` floats
  /// apart, those of tokens and out `token_stride`.
  static void multiply(const float* weights, std::size_t weight_stride, std::size_t rows, const float* tokens,
                       std::size_t token_stride, std::size_t columns, std::size_t count, float* out,
                       bool add) noexcept {
    using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using stride = Eigen::OuterStride<>;
    const auto index = [](std::size_t value) { return static_cast<Eigen::Index>(value); };
    const Eigen::Map<const matrix, 0, stride> left{weights, index(rows), index(columns), stride{index(weight_stride)}};
    const Eigen::Map<const matrix, 0, stride> right{tokens, index(columns), index(count), stride{index(token_stride)}};
    Eigen::Map<matrix, 0, stride> result{out, index(rows), index(count), stride{index(token_stride)}};
    if (add) {
      result.noalias() += left * right;
    } else {
      result.noalias() = left * right;
    }
  }
};

using eigen = eigen_over<native>;
static_assert(backend<eigen>);

}  // namespace tulu::simd
