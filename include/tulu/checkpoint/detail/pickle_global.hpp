#pragma once

#include <optional>
#include <string_view>

#include <tulu/checkpoint/detail/pickle_object.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::checkpoint::detail {

struct global_row {
  std::string_view module;
  std::string_view name;
  py_global meaning;
};

/// All that may be named. The classes torch.XStorage and the dtypes torch.X come on top, see `find_global`.
inline constexpr global_row global_rows[] = {
    {"collections", "OrderedDict", {global_kind::ordered_dict, {}}},
    {"torch._utils", "_rebuild_tensor", {global_kind::rebuild_tensor, {}}},
    {"torch._utils", "_rebuild_tensor_v2", {global_kind::rebuild_tensor_v2, {}}},
    {"torch._utils", "_rebuild_tensor_v3", {global_kind::rebuild_tensor_v3, {}}},
    {"torch._utils", "_rebuild_parameter", {global_kind::rebuild_parameter, {}}},
    {"torch._utils", "_rebuild_parameter_with_state", {global_kind::rebuild_parameter_with_state, {}}},
    {"torch", "Size", {global_kind::size, {}}},
    {"torch", "device", {global_kind::device, {}}},
    {"torch", "DoubleStorage", {global_kind::storage_type, dtype::f64}},
    {"torch", "FloatStorage", {global_kind::storage_type, dtype::f32}},
    {"torch", "HalfStorage", {global_kind::storage_type, dtype::f16}},
    {"torch", "BFloat16Storage", {global_kind::storage_type, dtype::bf16}},
    {"torch", "LongStorage", {global_kind::storage_type, dtype::i64}},
    {"torch", "IntStorage", {global_kind::storage_type, dtype::i32}},
    {"torch", "ShortStorage", {global_kind::storage_type, dtype::i16}},
    {"torch", "CharStorage", {global_kind::storage_type, dtype::i8}},
    {"torch", "ByteStorage", {global_kind::storage_type, dtype::u8}},
    {"torch", "BoolStorage", {global_kind::storage_type, dtype::boolean}},
    {"torch", "UntypedStorage", {global_kind::storage_type, dtype::u8}},
    {"torch.storage", "UntypedStorage", {global_kind::storage_type, dtype::u8}},
};

/// What `module`.`name` means in a checkpoint, or nothing for everything that is not on the list.
[[nodiscard]] inline std::optional<py_global> find_global(std::string_view module, std::string_view name) {
  for (const global_row& row : global_rows)
    if (row.module == module && row.name == name) return row.meaning;
  if (module != "torch") return std::nullopt;
  const std::optional<dtype> type = dtype_from_torch(name);
  if (!type) return std::nullopt;
  return py_global{global_kind::element_type, type};
}

}  // namespace tulu::checkpoint::detail
