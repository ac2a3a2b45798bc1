#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/tensor/dtype.hpp>

/// What a pickle builds. Objects live in one vector and name each other by index, so an object may contain itself and
/// nothing recurses, neither to read nor to destroy. Text and bytes are views into the pickle.
namespace tulu::checkpoint::detail {

using object_id = std::uint32_t;

/// The things a checkpoint may name with GLOBAL. Nothing else is ever looked up, and nothing is ever executed.
enum class global_kind {
  ordered_dict,
  rebuild_tensor,                ///< (storage, offset, size, stride)
  rebuild_tensor_v2,             ///< (…, requires_grad, hooks [, metadata])
  rebuild_tensor_v3,             ///< (…, requires_grad, hooks, dtype [, metadata])
  rebuild_parameter,             ///< (tensor, requires_grad, hooks)
  rebuild_parameter_with_state,  ///< (tensor, requires_grad, hooks, state)
  storage_type,
  element_type,
  size,
  device,
};

struct py_none {};
struct py_text {
  std::string_view value;
};
struct py_bytes {
  std::span<const std::byte> value;
};
/// An integer outside std::int64_t: two's complement, little-endian.
struct py_long {
  std::span<const std::byte> value;
};
struct py_tuple {
  std::vector<object_id> items;
};
/// A list, set or frozenset.
struct py_list {
  std::vector<object_id> items;
};
struct py_dict {
  std::vector<std::pair<object_id, object_id>> items;
};
struct py_global {
  global_kind kind;
  std::optional<dtype> type;  ///< of a storage_type or element_type
};
struct py_device {};
/// The elements [first, first + count) of the storage `root` (an index into pickled::storages).
struct py_storage {
  std::uint32_t root;
  std::size_t first;
  std::size_t count;
};
struct py_tensor {
  object_id storage;
  dtype type;
  std::int64_t offset;  ///< in elements, not checked
  object_id size;       ///< a py_tuple, its items not checked
  object_id stride;     ///< a py_tuple, its items not checked
};

using py_object = std::variant<py_none, bool, std::int64_t, double, py_text, py_bytes, py_long, py_tuple, py_list,
                               py_dict, py_global, py_device, py_storage, py_tensor>;

/// A storage that persistent ids name.
struct storage_record {
  std::string_view key;
  dtype type;
  std::size_t count;  ///< of elements; count × size_of(type) fits std::size_t
};

/// One unpickled object graph.
struct pickled {
  std::vector<py_object> objects;
  std::vector<storage_record> storages;  ///< in order of first mention, keys are unique
  object_id top = 0;

  template <class Kind>
  [[nodiscard]] const Kind* get_if(object_id id) const noexcept {
    return std::get_if<Kind>(&objects[id]);
  }
};

/// What an object is, for messages: "a list", "the number 3".
[[nodiscard]] inline std::string describe(const py_object& object) {
  constexpr std::string_view names[] = {"None",           "",        "",       "a float", "",         "bytes",
                                        "a long integer", "a tuple", "a list", "a dict",  "a global", "a device",
                                        "a storage",      "a tensor"};
  static_assert(std::size(names) == std::variant_size_v<py_object>);
  if (const auto* truth = std::get_if<bool>(&object)) return *truth ? "True" : "False";
  if (const auto* number = std::get_if<std::int64_t>(&object)) return "the number " + std::to_string(*number);
  if (const auto* text = std::get_if<py_text>(&object)) return "the string '" + printable(text->value) + "'";
  return std::string{names[object.index()]};
}

}  // namespace tulu::checkpoint::detail
