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
#include <tulu/tensor/block_codec.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

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

/// The elements of `source` in `type`, of which one or both are block types: decoded to float32 and encoded.
class recoded_elements : public checkpoint::derived_elements {
 public:
  recoded_elements(checkpoint::stored_tensor source, dtype type) : source_{std::move(source)}, type_{type} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    const std::size_t block = block_of(source_.type());
    std::vector<std::byte> stored(bytes_of(source_.type(), window + 2 * block));
    std::vector<float> values(window + 2 * block);
    while (count != 0) {
      const std::size_t part = std::min(count, window);
      const std::size_t begin = first / block * block;  // whole blocks around what is asked for
      const std::size_t length = (first + part + block - 1) / block * block - begin;
      const auto bytes = std::span{stored}.first(bytes_of(source_.type(), length));
      source_.read(begin, length, bytes);
      decode(source_.type(), bytes.data(), values.data(), length);
      encode(type_, values.data() + (first - begin), out.data(), part);
      out = out.subspan(bytes_of(type_, part));
      first += part;
      count -= part;
    }
  }

 private:
  static constexpr std::size_t window = std::size_t{1} << 14;  ///< elements, whole blocks of every type

  checkpoint::stored_tensor source_;
  dtype type_;
};

}  // namespace detail

/// `source` with its elements in `type`, converted as they are read. Throws for types that are not converted.
[[nodiscard]] inline checkpoint::stored_tensor converted(const checkpoint::stored_tensor& source, dtype type,
                                                         const kernel::elementwise_table& kernels) {
  if (source.type() == type) return source;
  const shape& extents = source.extents();
  const bool fits = extents.rank() > 0 && extents[extents.rank() - 1] % block_of(type) == 0;
  if (!is_weight_type(source.type()) || !can_encode(type) || (is_block_type(type) && !fits))
    throw mismatch_error(source.file().path().string(), printable(source.name()),
                         "weights that can be converted to " + std::string{name(type)},
                         std::string{name(source.type())} + " " + to_string(extents));
  std::shared_ptr<const checkpoint::derived_elements> elements;
  if (is_summable(source.type()) && is_summable(type)) {
    elements = std::make_shared<const detail::converted_elements>(source, type, kernels);
  } else {
    elements = std::make_shared<const detail::recoded_elements>(source, type);
  }
  return {source.name(), type, extents, source.source(), std::move(elements)};
}

}  // namespace tulu::convert
