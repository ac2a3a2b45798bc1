#pragma once

#include <cstddef>
#include <span>

#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu {

/// A tensor whose elements lie contiguous, row-major, native-endian and aligned as alignment_of says in memory that
/// someone else owns.
struct tensor_view {
  dtype type;
  shape extents;
  std::span<const std::byte> bytes;
};

}  // namespace tulu
