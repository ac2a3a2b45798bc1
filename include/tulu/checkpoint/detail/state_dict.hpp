#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/pickle_object.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/shape.hpp>

namespace tulu::checkpoint::detail {

/// Turns the object that a PyTorch checkpoint holds into tensors: a dict of names and tensors, or one of these under
/// the key "state_dict" or "model". Plain values (numbers, strings, None) beside the tensors are passed over.
class state_dict_reader {
 public:
  static constexpr std::size_t highest_rank = 16;
  /// A tensor may repeat elements of its storage (strides of 0), up to this many.
  static constexpr std::size_t most_repeated = std::size_t{1} << 26;

  /// `offsets[i]` is the byte of the file at which storage i of `objects` begins; its count × element size bytes lie
  /// inside the file.
  state_dict_reader(const pickled& objects, const std::vector<std::size_t>& offsets,
                    std::shared_ptr<const tensor_file> source, std::endian order)
      : objects_{objects}, offsets_{offsets}, source_{std::move(source)}, order_{order} {}

  /// In the order of the dict.
  [[nodiscard]] std::vector<stored_tensor> read() const {
    std::vector<stored_tensor> tensors;
    std::set<std::string_view> seen;
    for (const auto& [key, value] : state_dict().items) {
      const std::string_view name = name_of(key);
      if (!seen.insert(name).second) refuse(printable(name), "each name once", "it twice");
      if (const auto* const tensor = objects_.get_if<py_tensor>(value)) {
        tensors.push_back(make_tensor(name, *tensor));
      } else if (!is_plain(value)) {
        refuse(printable(name), "a tensor or a plain value", describe(objects_.objects[value]));
      }
    }
    return tensors;
  }

 private:
  [[noreturn]] void refuse(std::string_view place, std::string_view expected, std::string_view found) const {
    throw mismatch_error(source_->file().path().string(), place, expected, found);
  }

  [[nodiscard]] std::string_view name_of(object_id key) const {
    const auto* const text = objects_.get_if<py_text>(key);
    if (text == nullptr) refuse("state dict", "strings as keys", describe(objects_.objects[key]));
    return text->value;
  }

  [[nodiscard]] bool is_plain(object_id value) const {
    return !objects_.get_if<py_tensor>(value) && !objects_.get_if<py_storage>(value) &&
           !objects_.get_if<py_dict>(value) && !objects_.get_if<py_list>(value) && !objects_.get_if<py_tuple>(value);
  }

  [[nodiscard]] const py_dict& state_dict() const {
    const auto* const top = objects_.get_if<py_dict>(objects_.top);
    if (top == nullptr) refuse("", "a checkpoint that holds a dict", describe(objects_.objects[objects_.top]));
    const py_dict* inner = nullptr;
    std::string_view inner_name;
    for (const auto& [key, value] : top->items) {
      const auto* const dict = objects_.get_if<py_dict>(value);
      const std::string_view name = name_of(key);
      if (dict == nullptr || (name != "state_dict" && name != "model")) continue;
      if (inner != nullptr) refuse(printable(name), "one state dict", "'" + printable(inner_name) + "' beside it");
      inner = dict;
      inner_name = name;
    }
    if (inner == nullptr) return *top;
    for (const auto& [key, value] : top->items)
      if (objects_.get_if<py_dict>(value) != inner && !is_plain(value))
        refuse(printable(name_of(key)), "a plain value beside '" + std::string{inner_name} + "'",
               describe(objects_.objects[value]));
    return *inner;
  }

  /// The items of a tuple, each an integer of at least 0.
  [[nodiscard]] std::vector<std::size_t> sizes(object_id tuple, std::string_view name, std::string_view what) const {
    std::vector<std::size_t> out;
    for (const object_id item : objects_.get_if<py_tuple>(tuple)->items) {
      const auto* const number = objects_.get_if<std::int64_t>(item);
      if (number == nullptr || *number < 0)
        refuse(printable(name), std::string{what} + " of at least 0", describe(objects_.objects[item]));
      if (out.size() == highest_rank)
        refuse(printable(name), "at most " + std::to_string(highest_rank) + " axes", "more");
      out.push_back(static_cast<std::size_t>(*number));
    }
    return out;
  }

  [[nodiscard]] stored_tensor make_tensor(std::string_view name, const py_tensor& tensor) const {
    const shape extents{sizes(tensor.size, name, "extents")};
    std::vector<std::size_t> strides = sizes(tensor.stride, name, "strides");
    if (strides.size() != extents.rank())
      refuse(printable(name), std::to_string(extents.rank()) + " strides", std::to_string(strides.size()));
    const auto count = extents.count();
    if (!count || !checked_mul(*count, size_of(tensor.type)))
      refuse(printable(name), "a size that fits 64 bits", to_string(extents));
    storage_layout layout;
    layout.byte_swapped = order_ != std::endian::native && size_of(tensor.type) > 1;
    layout.offset = place(name, tensor, extents, strides);
    if (*count > 0 && !is_contiguous(extents, strides)) layout.strides = std::move(strides);
    return {std::string{name}, tensor.type, extents, source_, std::move(layout)};
  }

  [[nodiscard]] static bool is_contiguous(const shape& extents, const std::vector<std::size_t>& strides) noexcept {
    std::size_t step = 1;
    for (std::size_t axis = extents.rank(); axis-- > 0; step *= extents[axis])
      if (extents[axis] > 1 && strides[axis] != step) return false;
    return true;
  }

  /// Where the first element lies in the file, once every element is known to lie in the storage.
  [[nodiscard]] std::size_t place(std::string_view name, const py_tensor& tensor, const shape& extents,
                                  const std::vector<std::size_t>& strides) const {
    const auto& storage = *objects_.get_if<py_storage>(tensor.storage);
    const std::size_t unit = size_of(objects_.storages[storage.root].type);
    const std::size_t capacity = storage.count * unit / size_of(tensor.type);
    const std::size_t begin = offsets_[storage.root] + storage.first * unit;
    if (tensor.offset < 0) refuse(printable(name), "an offset of at least 0", std::to_string(tensor.offset));
    const std::size_t count = extents.count().value();
    if (count == 0) return begin;
    std::optional<std::size_t> last = static_cast<std::size_t>(tensor.offset);
    for (std::size_t axis = 0; axis < extents.rank() && last; ++axis) {
      const auto reach = checked_mul(extents[axis] - 1, strides[axis]);
      last = reach ? checked_add(*last, *reach) : std::nullopt;
    }
    if (!last || *last >= capacity)
      refuse(printable(name), "elements inside a storage of " + std::to_string(capacity),
             to_string(extents) + " with strides " + to_string(shape{strides}) + " from element " +
                 std::to_string(tensor.offset));
    if (count > capacity && count > most_repeated)
      refuse(printable(name), "at most " + std::to_string(most_repeated) + " elements that repeat each other",
             to_string(extents));
    return begin + static_cast<std::size_t>(tensor.offset) * size_of(tensor.type);
  }

  const pickled& objects_;
  const std::vector<std::size_t>& offsets_;
  std::shared_ptr<const tensor_file> source_;
  std::endian order_;
};

}  // namespace tulu::checkpoint::detail
