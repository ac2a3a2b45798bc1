#pragma once

// All of tulu but what is opt-in: scalar/eigen.hpp, tensor/eigen.hpp (Eigen) and kernel/dispatch.hpp (tulu::backends).
#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/checkpoint/shard_writer.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/cpu.hpp>
#include <tulu/core/error.hpp>
#include <tulu/diff/make_diff.hpp>
#include <tulu/diff/options.hpp>
#include <tulu/diff/recover.hpp>
#include <tulu/diff/verify.hpp>
#include <tulu/fwd.hpp>
#include <tulu/kernel/elementwise.hpp>
#include <tulu/scalar/bf16.hpp>
#include <tulu/scalar/f16.hpp>
#include <tulu/scalar/traits.hpp>
#include <tulu/simd/native.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/matrix_view.hpp>
#include <tulu/tensor/shape.hpp>
#include <tulu/tensor/tensor.hpp>
#include <tulu/tensor/tensor_view.hpp>
#include <tulu/version.hpp>
