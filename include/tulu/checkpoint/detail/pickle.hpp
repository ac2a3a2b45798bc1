#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/detail/pickle_global.hpp>
#include <tulu/checkpoint/detail/pickle_object.hpp>
#include <tulu/checkpoint/detail/pickle_stack.hpp>
#include <tulu/core/checked.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/byte_reader.hpp>

namespace tulu::checkpoint::detail {

/// A pickle machine (protocols 2 to 5) that builds data and executes nothing: GLOBAL finds only what is on the list of
/// pickle_global.hpp, REDUCE knows what those mean, and every other opcode is refused.
class unpickler : private pickle_stack {
 public:
  using pickle_stack::most_objects;

  /// Reads one pickle from `in`, up to and including its STOP. `label` (a file, and the place in it that `in` counts
  /// bytes from) stands first in errors. The views in the result are into the bytes of `in`.
  [[nodiscard]] static pickled read(io::byte_reader& in, std::string_view label) {
    unpickler machine{in, label};
    for (;;) {
      machine.at_ = in.position();
      const auto code = in.take_number<std::uint8_t>();
      if (code == '.') break;
      if (!(machine.literal(code) || machine.text(code) || machine.container(code) || machine.stack_or_memo(code) ||
            machine.object(code)))
        machine.refuse("a known pickle opcode", "byte " + std::to_string(code));
    }
    machine.out_.top = machine.pop();
    return std::move(machine.out_);
  }

 private:
  unpickler(io::byte_reader& in, std::string_view label) : pickle_stack{label, in.remaining()}, in_{in} {}

  template <class Signed, class Unsigned>
  void push_integer() {
    push(std::int64_t{static_cast<Signed>(in_.take_number<Unsigned>())});
  }

  void push_long(std::size_t bytes) {
    const auto raw = in_.take(bytes);
    if (bytes > sizeof(std::int64_t)) return push(py_long{raw});
    const bool negative = bytes != 0 && std::to_integer<unsigned>(raw[bytes - 1]) >= 0x80;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(raw[i]);
    push(static_cast<std::int64_t>(value));
  }

  void push_long4() {
    const auto bytes = in_.take_number<std::uint32_t>();
    if (bytes > 0x7fffffff) refuse("a length of at least 0", std::to_string(static_cast<std::int32_t>(bytes)));
    push_long(bytes);
  }

  void push_float() {
    std::uint64_t bits = 0;
    for (const std::byte b : in_.take(sizeof bits)) bits = bits << 8 | std::to_integer<std::uint64_t>(b);
    push(std::bit_cast<double>(bits));
  }

  void check_protocol() {
    if (const auto version = in_.take_number<std::uint8_t>(); version > 5)
      refuse("a pickle protocol up to 5", std::to_string(version));
  }

  void check_frame() {
    if (const auto bytes = in_.take_number<std::uint64_t>(); bytes > in_.remaining())
      refuse("a frame of at most " + std::to_string(in_.remaining()) + " bytes", std::to_string(bytes));
  }

  bool literal(std::uint8_t code) {
    switch (code) {
      case 0x80:
        return check_protocol(), true;
      case 0x95:
        return check_frame(), true;
      case 'N':
        return push(py_none{}), true;
      case 0x88:
        return push(true), true;
      case 0x89:
        return push(false), true;
      case 'K':
        return push_integer<std::uint8_t, std::uint8_t>(), true;
      case 'M':
        return push_integer<std::uint16_t, std::uint16_t>(), true;
      case 'J':
        return push_integer<std::int32_t, std::uint32_t>(), true;
      case 0x8a:
        return push_long(in_.take_number<std::uint8_t>()), true;
      case 0x8b:
        return push_long4(), true;
      case 'G':
        return push_float(), true;
      default:
        return false;
    }
  }

  template <class Length>
  void push_text() {
    push(py_text{in_.take_text(in_.take_number<Length>())});
  }

  template <class Length>
  void push_bytes() {
    push(py_bytes{in_.take(in_.take_number<Length>())});
  }

  bool text(std::uint8_t code) {
    switch (code) {
      case 'U':
      case 0x8c:
        return push_text<std::uint8_t>(), true;
      case 'T':
      case 'X':
        return push_text<std::uint32_t>(), true;
      case 0x8d:
        return push_text<std::uint64_t>(), true;
      case 'C':
        return push_bytes<std::uint8_t>(), true;
      case 'B':
        return push_bytes<std::uint32_t>(), true;
      case 0x8e:
      case 0x96:
        return push_bytes<std::uint64_t>(), true;
      default:
        return false;
    }
  }

  void extend_list(const std::vector<object_id>& items) {
    auto& list = top_as<py_list>("a list to append to").items;
    list.insert(list.end(), items.begin(), items.end());
  }

  static py_dict pair_up(const std::vector<object_id>& items) {
    py_dict dict;
    dict.items.reserve(items.size() / 2);
    for (std::size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
    return dict;
  }

  py_dict pairs_to_mark() {
    const std::vector<object_id> items = pop_to_mark();
    if (items.size() % 2 != 0) refuse("pairs of key and value", std::to_string(items.size()) + " objects");
    return pair_up(items);
  }

  void extend_dict(const py_dict& pairs) {
    auto& dict = top_as<py_dict>("a dict to set items of").items;
    dict.insert(dict.end(), pairs.items.begin(), pairs.items.end());
  }

  bool container(std::uint8_t code) {
    switch (code) {
      case ')':
        return push(py_tuple{}), true;
      case 't':
        return push(py_tuple{pop_to_mark()}), true;
      case 0x85:
        return push(py_tuple{pop_many(1)}), true;
      case 0x86:
        return push(py_tuple{pop_many(2)}), true;
      case 0x87:
        return push(py_tuple{pop_many(3)}), true;
      case ']':
      case 0x8f:
        return push(py_list{}), true;
      case 'l':
      case 0x91:
        return push(py_list{pop_to_mark()}), true;
      case 'a':
        return extend_list(pop_many(1)), true;
      case 'e':
      case 0x90:
        return extend_list(pop_to_mark()), true;
      case '}':
        return push(py_dict{}), true;
      case 'd':
        return push(pairs_to_mark()), true;
      case 's':
        return extend_dict(pair_up(pop_many(2))), true;
      case 'u':
        return extend_dict(pairs_to_mark()), true;
      default:
        return false;
    }
  }

  bool stack_or_memo(std::uint8_t code) {
    switch (code) {
      case '(':
        return mark(), true;
      case '0':
        return pop_one(), true;
      case '1':
        return pop_to_mark(), true;
      case '2':
        return duplicate(), true;
      case 'q':
        return memoise(in_.take_number<std::uint8_t>()), true;
      case 'r':
        return memoise(in_.take_number<std::uint32_t>()), true;
      case 0x94:
        return memoise(memo_count_), true;
      case 'h':
        return recall(in_.take_number<std::uint8_t>()), true;
      case 'j':
        return recall(in_.take_number<std::uint32_t>()), true;
      default:
        return false;
    }
  }

  [[nodiscard]] std::string_view take_line() {
    const char* const first = in_.take_text(0).data();
    std::size_t length = 0;
    while (in_.take_text(1) != "\n") ++length;
    return {first, length};
  }

  void push_global(std::string_view module, std::string_view name) {
    const auto found = find_global(module, name);
    if (!found) refuse("a global of a PyTorch checkpoint", "'" + printable(module) + "." + printable(name) + "'");
    push(*found);
  }

  void push_global_of_lines() {
    const std::string_view module = take_line();
    push_global(module, take_line());
  }

  void push_global_of_stack() {
    const object_id name = pop();
    const object_id module = pop();
    push_global(as<py_text>(module, "a module name").value, as<py_text>(name, "a global name").value);
  }

  /// ('storage', class, key, location, count [, None | (view key, first, count of the view)])
  void push_storage() {
    const object_id id = pop();
    const auto& items = as<py_tuple>(id, "a storage as persistent id").items;
    if (items.size() != 5 && items.size() != 6)
      refuse("a persistent id of 5 or 6 items", std::to_string(items.size()) + " items");
    if (as<py_text>(items[0], "the string 'storage'").value != "storage") refuse("the string 'storage'", items[0]);
    const py_global& type = as<py_global>(items[1], "a storage class");
    if (type.kind != global_kind::storage_type) refuse("a storage class", items[1]);
    const std::string_view key = as<py_text>(items[2], "a storage key").value;
    const std::size_t count = count_of(items[4]);
    if (!checked_mul(count, size_of(*type.type))) refuse("a storage size that fits 64 bits", items[4]);
    py_storage storage{register_storage({key, *type.type, count}), 0, count};
    if (items.size() == 6 && out_.get_if<py_none>(items[5]) == nullptr) narrow(storage, items[5]);
    push(storage);
  }

  [[nodiscard]] std::size_t count_of(object_id id) const {
    const std::int64_t value = as<std::int64_t>(id, "a number of elements");
    if (value < 0) refuse("a number of elements of at least 0", id);
    return static_cast<std::size_t>(value);
  }

  [[nodiscard]] std::uint32_t register_storage(const storage_record& record) {
    const auto [at, fresh] = roots_.try_emplace(record.key, static_cast<std::uint32_t>(out_.storages.size()));
    if (fresh) {
      out_.storages.push_back(record);
    } else if (const storage_record& first = out_.storages[at->second];
               first.type != record.type || first.count != record.count) {
      refuse("storage '" + printable(record.key) + "' of " + std::to_string(first.count) + " " +
                 std::string{name(first.type)} + " as before",
             std::to_string(record.count) + " " + std::string{name(record.type)});
    }
    return at->second;
  }

  void narrow(py_storage& storage, object_id view) const {
    const auto& items = as<py_tuple>(view, "a view of a storage").items;
    if (items.size() != 3) refuse("a view of 3 items", std::to_string(items.size()) + " items");
    const std::size_t first = count_of(items[1]);
    const std::size_t count = count_of(items[2]);
    if (first > storage.count || count > storage.count - first)
      refuse("a view inside its storage of " + std::to_string(storage.count) + " elements",
             std::to_string(count) + " from " + std::to_string(first));
    storage.first = first;
    storage.count = count;
  }

  void call() {
    const object_id arguments = pop();
    const object_id function = pop();
    const global_kind kind = as<py_global>(function, "a global to call").kind;
    const std::vector<object_id>& items = as<py_tuple>(arguments, "a tuple of arguments").items;
    switch (kind) {
      case global_kind::ordered_dict:
        return need_arguments(items, 0, 0), push(py_dict{});
      case global_kind::size:
        return need_arguments(items, 1, 1), push_same<py_tuple>(items[0], "a tuple of extents");
      case global_kind::device:
        return need_arguments(items, 1, 2), push(py_device{});
      case global_kind::rebuild_tensor:
        return need_arguments(items, 4, 4), push_tensor(items, {});
      case global_kind::rebuild_tensor_v2:
        need_arguments(items, 6, 7);
        if (items.size() == 7) need_empty(items[6]);
        return push_tensor(items, {});
      case global_kind::rebuild_tensor_v3:
        need_arguments(items, 7, 8);
        if (items.size() == 8) need_empty(items[7]);
        return push_tensor(items, element_type(items[6]));
      case global_kind::rebuild_parameter:
        return need_arguments(items, 3, 3), push_same<py_tensor>(items[0], "a tensor");
      case global_kind::rebuild_parameter_with_state:
        return need_arguments(items, 4, 4), push_same<py_tensor>(items[0], "a tensor");
      case global_kind::storage_type:
      case global_kind::element_type:
        break;
    }
    refuse("a global that can be called", "a storage class or dtype");
  }

  void need_arguments(const std::vector<object_id>& items, std::size_t least, std::size_t most) const {
    if (items.size() < least || items.size() > most)
      refuse(std::to_string(least) + (least == most ? "" : " or " + std::to_string(most)) + " arguments",
             std::to_string(items.size()));
  }

  /// The metadata of a tensor says that its elements are to be negated or conjugated: rare, and not supported.
  void need_empty(object_id metadata) const {
    if (out_.get_if<py_none>(metadata) != nullptr) return;
    if (!as<py_dict>(metadata, "no tensor metadata").items.empty()) refuse("no tensor metadata", metadata);
  }

  [[nodiscard]] dtype element_type(object_id id) const {
    const py_global& global = as<py_global>(id, "a dtype");
    if (global.kind != global_kind::element_type) refuse("a dtype", id);
    return *global.type;
  }

  template <class Kind>
  void push_same(object_id id, std::string_view expected) {
    static_cast<void>(as<Kind>(id, expected));
    push_id(id);
  }

  void push_tensor(const std::vector<object_id>& items, std::optional<dtype> type) {
    const py_storage& storage = as<py_storage>(items[0], "a storage");
    static_cast<void>(as<py_tuple>(items[2], "a tuple of extents"));
    static_cast<void>(as<py_tuple>(items[3], "a tuple of strides"));
    push(py_tensor{items[0], type.value_or(out_.storages[storage.root].type),
                   as<std::int64_t>(items[1], "an offset into the storage"), items[2], items[3]});
  }

  /// A state_dict carries its `_metadata` as the state of the OrderedDict; it says nothing about the tensors.
  void ignore_state() {
    static_cast<void>(pop());
    static_cast<void>(top_as<py_dict>("an OrderedDict to set the state of"));
  }

  bool object(std::uint8_t code) {
    switch (code) {
      case 'c':
        return push_global_of_lines(), true;
      case 0x93:
        return push_global_of_stack(), true;
      case 'Q':
        return push_storage(), true;
      case 'R':
      case 0x81:
        return call(), true;
      case 'b':
        return ignore_state(), true;
      default:
        return false;
    }
  }

  io::byte_reader& in_;
  std::map<std::string_view, std::uint32_t> roots_;
};

}  // namespace tulu::checkpoint::detail
