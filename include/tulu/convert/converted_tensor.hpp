#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/error.hpp>
#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::convert {

namespace detail {

/// The elements of `source` in another of the types F32, F16 and BF16, rounded to nearest even.
class converted_elements : public checkpoint::derived_elements {
 public:
  converted_elements(checkpoint::stored_tensor source, dtype type, const kernel::elementwise_table& kernels)
      : source_{std::move(source)}, type_{type}, convert_{kernels.converter(source_.type(), type)} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    std::vector<std::byte> stored(std::min(count, window) * size_of(source_.type()));
    while (count != 0) {
      const std::size_t part = std::min(count, window);
      const auto bytes = std::span{stored}.first(part * size_of(source_.type()));
      source_.read(first, part, bytes);
      convert_(bytes.data(), out.data(), part);
      out = out.subspan(part * size_of(type_));
      first += part;
      count -= part;
    }
  }

 private:
  static constexpr std::size_t window = std::size_t{1} << 16;  ///< elements

  checkpoint::stored_tensor source_;
  dtype type_;
  kernel::elementwise_table::unary convert_;
};

}  // namespace detail

/// `source` with its elements in `type`, converted as they are read. Throws for types that are not converted.
[[nodiscard]] inline checkpoint::stored_tensor converted(const checkpoint::stored_tensor& source, dtype type,
                                                         const kernel::elementwise_table& kernels) {
  if (source.type() == type) return source;
  if (!is_summable(source.type()) || !is_summable(type))
    throw mismatch_error(source.file().path().string(), printable(source.name()),
                         "F32, F16 or BF16 to be converted to " + std::string{name(type)}, name(source.type()));
  return {source.name(), type, source.extents(), source.source(),
          std::make_shared<const detail::converted_elements>(source, type, kernels)};
}

}  // namespace tulu::convert
